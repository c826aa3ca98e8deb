import { expect, type Locator, type Page } from "@playwright/test";
import { readHalves, shows, type Halves } from "./pixels.ts";
import type { Picture } from "./y4m.ts";

/** Makes a meeting from the start page and joins it; returns the link. */
export async function startMeeting(page: Page, url: string, name: string): Promise<string> {
  await page.goto(url);
  await page.getByTestId("new-meeting").click();
  const link = await copyLink(page);
  await enter(page, name);
  return link;
}

/** Opens a link and joins. */
export async function joinMeeting(page: Page, link: string, name: string): Promise<void> {
  await page.goto(link);
  await enter(page, name);
}

/** Fills the pre-join page and waits until the call is there. */
export async function enter(page: Page, name: string): Promise<void> {
  await page.getByTestId("display-name").fill(name);
  await page.getByTestId("join").click();
  await expect(page.getByTestId("leave")).toBeVisible({ timeout: 20_000 });
}

export async function copyLink(page: Page): Promise<string> {
  const button = page.getByTestId("copy-link").first();
  await expect(button).toHaveAttribute("data-link", /#/);
  return (await button.getAttribute("data-link")) ?? "";
}

/** The tile of a person's camera or screen. */
export function tile(page: Page, name: string, kind: "camera" | "screen" | "self" = "camera"): Locator {
  return page.locator(`[data-testid="tile"][data-name="${name}"][data-kind="${kind}"]`);
}

export async function expectPlaying(page: Page, name: string, kind: "camera" | "screen" | "self" = "camera", timeout = 20_000): Promise<void> {
  await expect(tile(page, name, kind)).toHaveAttribute("data-state", "playing", { timeout });
}

export function halves(page: Page, name: string, kind: "camera" | "screen" = "camera"): Promise<Halves | undefined> {
  return tile(page, name, kind).locator("video").evaluate(readHalves as (v: Element) => Halves | undefined);
}

/** Waits until a tile plays the picture of its own person and nobody else's. */
export async function expectPicture(page: Page, name: string, picture: Picture, timeout = 20_000): Promise<void> {
  let last: Halves | undefined;
  await expect
    .poll(async () => shows((last = await halves(page, name)), picture), { timeout, message: `${name}'s tile shows ${name}` })
    .toBe(true)
    .catch((error: unknown) => {
      throw new Error(`${name}: wanted ${JSON.stringify(picture)}, got ${JSON.stringify(last)}`, { cause: error });
    });
}

/** Authenticated figures of the call, from the root element. */
export interface Figures {
  readonly framesOpened: number;
  readonly decryptErrors: number;
  readonly epoch: number;
}

export async function figures(page: Page): Promise<Figures> {
  const data = await page.locator("[data-frames-opened]").first().evaluate((e) => ({ ...(e as HTMLElement).dataset }));
  const number = (key: string): number => {
    const value = Number(data[key]);
    if (!Number.isFinite(value)) throw new Error(`no figure data-${key} on the call: ${JSON.stringify(data)}`);
    return value;
  };
  return { framesOpened: number("framesOpened"), decryptErrors: number("decryptErrors"), epoch: number("epoch") };
}

/** The layer that a tile shows, as the seal says: [spatial, temporal]. */
export async function layer(page: Page, name: string): Promise<readonly [number, number] | undefined> {
  const text = await tile(page, name).getAttribute("data-layer");
  const found = /^S(\d)T(\d)$/.exec(text ?? "");
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}
