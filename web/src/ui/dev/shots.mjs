// Takes a picture of every page and state, light and dark, desktop and phone, and lets axe-core look at each.
//   node src/ui/dev/shots.mjs [name...]      pictures into web/shots/, which git ignores
// Ends with 1 when axe finds something serious, a page scrolls sideways, or the page wrote an error.
import { chromium } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { pages } from "./shot-list.mjs";

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const root = fileURLToPath(new URL("../../..", import.meta.url));
const out = `${root}shots/`;
const link = "/m/abcdefghij234567";
const secret = "#AAAAAAAAAAAAAAAAAAAAAA";
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const wanted = process.argv.slice(2);

mkdirSync(out, { recursive: true });
const server = await createServer({ root, mode: "mock", server: { port: 0, strictPort: false, hmr: false, watch: null }, logLevel: "error", clearScreen: false });
await server.listen();
const address = server.resolvedUrls?.local[0]?.replace(/\/$/u, "");
const browser = await chromium.launch({
  executablePath: process.env.CONCLAVE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
});

let faults = 0;
const fault = (name, text) => {
  faults += 1;
  process.stdout.write(`FAULT ${name}: ${text}\n`);
};

async function look(name, page, kept) {
  await page.addScriptTag({ path: axePath });
  const { violations } = await page.evaluate((only) => globalThis.axe.run(document, { runOnly: { type: "tag", values: only } }), tags);
  for (const v of violations) {
    const where = v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? n.all[0]?.message ?? ""}`).join(" | ");
    if (v.impact === "serious" || v.impact === "critical") fault(name, `${v.id} (${v.impact}): ${where}`);
    else process.stdout.write(`note  ${name}: ${v.id} (${v.impact}): ${where}\n`);
  }
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (sideways > 0) fault(name, `scrolls sideways by ${sideways} px`);
  if (kept) await page.screenshot({ path: `${out}${name}.png` });
}

for (const [size, viewport] of Object.entries(sizes)) {
  for (const theme of ["light", "dark"]) {
    for (const { name, scene, steps, only, width } of pages) {
      const full = `${name}-${size}-${theme}`;
      if ((only !== undefined && only !== size) || (wanted.length > 0 && !wanted.some((w) => full.includes(w)))) continue;
      const context = await browser.newContext({ viewport: width ? { ...viewport, width } : viewport, colorScheme: theme, deviceScaleFactor: 1, hasTouch: size === "phone" });
      const page = await context.newPage();
      page.setDefaultTimeout(5000);
      page.on("console", (m) => (m.type() === "error" || m.type() === "warning") && fault(full, m.text()));
      page.on("pageerror", (e) => fault(full, e.stack ?? e.message));
      await page.goto(scene === undefined ? `${address}/` : `${address}${link}?scene=${scene}${secret}`);
      try {
        await page.waitForSelector("h1");
        for (const step of steps ?? []) await step(page);
        await page.waitForTimeout(450);
        await look(full, page, true);
      } catch (error) {
        fault(full, error instanceof Error ? error.message.split("\n")[0] : String(error));
      }
      await context.close();
    }
  }
}
await browser.close();
await server.close();
process.stdout.write(faults === 0 ? "nothing serious found\n" : `${faults} faults\n`);
process.exit(faults === 0 ? 0 : 1);
