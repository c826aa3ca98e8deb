import { defineConfig } from "@playwright/test";

/** Each test starts its own server and its own browsers: see e2e/support. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "e2e/results",
  fullyParallel: false,
  // Several browsers in one call already keep the machine busy.
  workers: 1,
  forbidOnly: process.env["CI"] === "true",
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
});
