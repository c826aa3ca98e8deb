// Runs the browser tests where a browser is, and says so where none is.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

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
// Pages alone are one browser each, and two of them share the machine well. Calls are several browsers that take all
// of it. Both run to their end, so that one look at the output shows all that fails.
const pages = ["e2e/ui/", "e2e/axe.spec.ts"];
const calls = readdirSync("e2e")
  .filter((name) => name.endsWith(".spec.ts") && !pages.includes(`e2e/${name}`))
  .map((name) => `e2e/${name}`);
const asked = process.argv.slice(2);
const runs =
  asked.length > 0
    ? [asked]
    : [
        [...pages, "--workers=2", "--fully-parallel", "--output=e2e/results/pages"],
        [...calls, "--output=e2e/results/calls"],
      ];
const results = runs.map(
  (args) => spawnSync("npx", ["playwright", "test", ...args], { stdio: "inherit" }).status,
);
process.exit(results.every((status) => status === 0) ? 0 : 1);
