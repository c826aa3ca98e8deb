// Runs the browser tests where a browser is, and says so where none is.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const chromium = process.env.CONCLAVE_CHROMIUM ?? "/usr/bin/chromium";

if (!existsSync(chromium)) {
  const why = `no Chromium at ${chromium} (set CONCLAVE_CHROMIUM, or install Debian's chromium)`;
  if (process.env.CI === "true") {
    console.error(`FAIL: ${why}`);
    process.exit(1);
  }
  console.log(`SKIP: the browser tests did not run: ${why}`);
  process.exit(0);
}
const run = spawnSync("npx", ["playwright", "test", ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(run.status ?? 1);
