import { defineConfig } from "@playwright/test";

/** The Chromium that the system has; nothing is downloaded. */
const executablePath = process.env["CONCLAVE_CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "e2e",
  outputDir: "e2e/results",
  fullyParallel: false,
  // Several browsers in one call already keep the machine busy.
  workers: 1,
  forbidOnly: process.env["CI"] === "true",
  reporter: [["list"]],
  use: {
    baseURL: process.env["CONCLAVE_URL"] ?? "http://localhost:8080",
    permissions: ["camera", "microphone"],
    launchOptions: {
      executablePath,
      args: [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
      ],
    },
  },
});
