import { defineConfig } from "@playwright/test";

/** Measurements against other software, apart from the tests: npm run bench. */
export default defineConfig({ testDir: "bench", testMatch: "*.bench.ts", outputDir: "e2e/results", workers: 1, timeout: 300_000, reporter: [["list"]] });
