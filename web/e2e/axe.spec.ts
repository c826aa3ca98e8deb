import { expect, test, type Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expectPlaying, joinMeeting, startMeeting } from "./support/call.ts";
import { startChromium, type Person } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Everything serious or critical that axe finds under WCAG 2.2 A and AA. */
async function serious(page: Page): Promise<string[]> {
  const violations = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(o: unknown): Promise<{ violations: Violation[] }> } }).axe;
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    return (await axe.run({ runOnly: tags })).violations;
  });
  return violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes.map((n) => n.html).join("\n  ")}`);
}

test.describe("axe finds nothing serious", () => {
  let server: Running;
  let ada: Person;
  let kofi: Person;

  test.beforeAll(async () => {
    server = await startServer();
    // The page's policy forbids scripts from elsewhere, axe's too: an init script comes in another way.
    ada = await startChromium({ picture: pictures.ada, initScript: axeSource });
    kofi = await startChromium({ picture: pictures.kofi });
  });
  test.afterAll(async () => {
    await Promise.all([ada.close(), kofi.close()]);
    await server.stop();
  });

  for (const scheme of ["light", "dark"] as const) {
    test(`on any page, ${scheme}`, async () => {
      test.setTimeout(90_000);
      const { page } = ada;
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto(server.url);
      await expect(page.getByTestId("new-meeting")).toBeVisible();
      expect(await serious(page), "start page").toEqual([]);

      await page.getByTestId("new-meeting").click();
      await expect(page.getByTestId("join")).toBeVisible();
      expect(await serious(page), "pre-join page").toEqual([]);

      const link = await startMeeting(page, server.url, "Ada");
      expect(await serious(page), "alone in the call").toEqual([]);
      await joinMeeting(kofi.page, link, "Kofi");
      await expectPlaying(page, "Kofi");
      expect(await serious(page), "call").toEqual([]);
      await page.keyboard.press("c");
      await expect(page.getByTestId("chat-input")).toBeVisible();
      expect(await serious(page), "chat").toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByTestId("participants").click();
      expect(await serious(page), "people").toEqual([]);
      await page.getByTestId("shield").first().click();
      expect(await serious(page), "shield panel").toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByTestId("leave").click();
      expect(await serious(page), "after leaving").toEqual([]);
      await page.goto(`${server.url}/m/abcdefghijklmnop#AAAAAAAAAAAAAAAAAAAAAA`);
      await expect(page.getByText("This link is not complete.")).toBeVisible();
      expect(await serious(page), "wrong link").toEqual([]);
    });
  }
});
