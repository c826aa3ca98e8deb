import { defineConfig } from "@playwright/test";

/** Each test starts its own server and its own browsers: see e2e/support. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "e2e/results",
  fullyParallel: false,
  // Several browsers in one call already keep the machine busy.
  workers: 1,
  // A busy machine may miss a deadline of a scenario once; Playwright then reports it as flaky.
  // The wire oracle allows itself no second try.
  retries: process.env["CI"] === "true" ? 1 : 0,
  forbidOnly: process.env["CI"] === "true",
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
});
