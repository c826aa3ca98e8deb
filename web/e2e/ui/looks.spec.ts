// Looks at every page and state of the interface, with the fake engine behind it: axe-core finds nothing serious,
// nothing scrolls sideways, the page writes no error. With CONCLAVE_SHOTS=1 every combination of size and theme is
// looked at and a picture of each is put into web/shots/, which git ignores.
import { expect, test, type Page } from "@playwright/test";
import axe from "axe-core";
import { join } from "node:path";
import { chromiumFlags, chromiumPath } from "../support/browsers.ts";
import { root } from "../support/server.ts";
import { startMock, type MockServer } from "./mock-server.ts";
import { looks, sceneUrl, type Look } from "./scenes.ts";

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;
type Size = keyof typeof sizes;
const themes = ["light", "dark"] as const;
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const all = process.env["CONCLAVE_SHOTS"] === "1";

test.use({ launchOptions: { executablePath: chromiumPath, args: [...chromiumFlags] } });

let server: MockServer;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  server = await startMock();
});
test.afterAll(() => server.stop());

for (const [i, look] of looks.entries()) {
  for (const size of Object.keys(sizes) as Size[]) {
    for (const theme of themes) {
      if (look.only !== undefined && look.only !== size) continue;
      // Otherwise each in one of the four, in turn.
      const turn = Math.floor(i / 2) % 2 === 0 ? "desktop" : "phone";
      if (!all && ((look.only ?? turn) !== size || themes[i % 2] !== theme)) continue;
      test(`${look.name}, ${size}, ${theme}`, async ({ browser }) => {
        const viewport = { ...sizes[size], ...(look.width !== undefined && { width: look.width }) };
        const context = await browser.newContext({
          viewport,
          colorScheme: theme,
          hasTouch: size === "phone",
          ...look.context,
        });
        // The policy forbids scripts from elsewhere, axe's too: an init script comes in another way.
        await context.addInitScript({ content: axe.source });
        const page = await context.newPage();
        const written: string[] = [];
        page.on("console", (m) => (m.type() === "error" || m.type() === "warning") && written.push(m.text()));
        page.on("pageerror", (e) => written.push(e.stack ?? e.message));
        await open(page, look);
        // With forced colours the system chooses them, and axe reads ours.
        expect(await findings(page, look.context?.forcedColors === "active"), "axe").toEqual([]);
        expect(await sideways(page), "pixels that scroll sideways").toBe(0);
        expect(written, "errors in the page").toEqual([]);
        if (all) await page.screenshot({ path: join(root, `web/shots/${look.name}-${size}-${theme}.png`) });
        await context.close();
      });
    }
  }
}

async function open(page: Page, look: Look): Promise<void> {
  await page.goto(sceneUrl(server.url, look.scene, look.path));
  await page.waitForSelector("h1");
  for (const step of look.steps ?? []) await step(page);
  // What fades in has done so, and pictures are drawn.
  await page.waitForTimeout(350);
}

async function findings(page: Page, forced: boolean): Promise<string[]> {
  const { violations } = await page.evaluate(
    ({ values, contrast }) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
        runOnly: { type: "tag", values },
        rules: { "color-contrast": { enabled: contrast } },
      }),
    { values: tags, contrast: !forced },
  );
  return violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map(
      (v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.failureSummary ?? ""}`).join(" | ")}`,
    );
}

function sideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
