// Takes a picture of every page and state, light and dark, desktop and phone, and lets axe-core look at each.
//   node src/ui/dev/shots.mjs [part of a name...]      pictures into web/shots/, which git ignores
// Ends with 1 when axe finds something serious, a page scrolls sideways, or the page wrote an error.
import { chromium } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { serveMock } from "./mock-server.mjs";
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
const server = await serveMock(root, `${out}built`);
const browser = await chromium.launch({
  executablePath: process.env.CONCLAVE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
});

let faults = 0;
let looked = 0;
const fault = (name, text) => {
  faults += 1;
  process.stdout.write(`FAULT ${name}: ${text}\n`);
};

async function look(name, page) {
  const { violations } = await page.evaluate((only) => globalThis.axe.run(document, { runOnly: { type: "tag", values: only } }), tags);
  for (const v of violations) {
    const where = v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? n.all[0]?.message ?? ""}`).join(" | ");
    if (v.impact === "serious" || v.impact === "critical") fault(name, `${v.id} (${v.impact}): ${where}`);
    else process.stdout.write(`note  ${name}: ${v.id} (${v.impact}): ${where}\n`);
  }
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (sideways > 0) fault(name, `scrolls sideways by ${sideways} px`);
  await page.screenshot({ path: `${out}${name}.png` });
  looked += 1;
}

async function shoot(context, full, { scene, steps = [] }) {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("console", (m) => (m.type() === "error" || m.type() === "warning") && fault(full, m.text()));
  page.on("pageerror", (e) => fault(full, e.stack ?? e.message));
  try {
    await page.goto(scene === undefined ? `${server.address}/` : `${server.address}${link}?scene=${scene}${secret}`);
    await page.waitForSelector("h1");
    for (const step of steps) await step(page);
    await page.waitForTimeout(400);
    await look(full, page);
  } catch (error) {
    fault(full, error instanceof Error ? error.message.split("\n").slice(0, 4).join(" ") : String(error));
  }
  await page.close();
}

for (const [size, viewport] of Object.entries(sizes)) {
  for (const theme of ["light", "dark"]) {
    for (const entry of pages) {
      const full = `${entry.name}-${size}-${theme}`;
      if ((entry.only !== undefined && entry.only !== size) || (wanted.length > 0 && !wanted.some((w) => full.includes(w)))) continue;
      const context = await browser.newContext({
        viewport: entry.width ? { ...viewport, width: entry.width } : viewport,
        colorScheme: theme,
        hasTouch: size === "phone",
        ...entry.context,
      });
      // The policy forbids scripts from elsewhere, axe's too: an init script comes in another way.
      await context.addInitScript({ path: axePath });
      await shoot(context, full, entry);
      await context.close();
    }
  }
}
await browser.close();
await server.stop();
process.stdout.write(faults === 0 ? `${looked} pages, nothing serious found\n` : `${looked} pages, ${faults} faults\n`);
process.exit(faults === 0 && looked > 0 ? 0 : 1);
