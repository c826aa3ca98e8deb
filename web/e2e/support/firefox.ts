import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { existsSync } from "node:fs";
import { readHalves, type Halves } from "./pixels.ts";

export const firefoxPath = process.env["CONCLAVE_FIREFOX"] ?? "/usr/bin/firefox-esr";

export const hasFirefox = (): boolean => existsSync(firefoxPath);

/** A person with a stock Firefox, driven over WebDriver BiDi. */
export interface FirefoxPerson {
  readonly browser: Browser;
  readonly page: Page;
  close(): Promise<void>;
}

export async function startFirefox(initScript?: string): Promise<FirefoxPerson> {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: firefoxPath,
    headless: true,
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      // Nothing of the browser's own may reach for a network.
      "media.gmp-manager.updateEnabled": false,
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "app.normandy.enabled": false,
      "browser.safebrowsing.malware.enabled": false,
      "browser.safebrowsing.phishing.enabled": false,
      "services.settings.server": "data:,",
    },
  });
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  if (initScript) await page.evaluateOnNewDocument(initScript);
  return { browser, page, close: () => browser.close() };
}

export const testId = (id: string): string => `[data-testid="${id}"]`;

export async function startMeetingIn(page: Page, url: string, name: string): Promise<string> {
  await page.goto(url);
  await click(page, testId("new-meeting"));
  const button = await page.waitForSelector(`${testId("copy-link")}[data-link*="#"]`);
  const link = (await button?.evaluate((e) => (e as HTMLElement).dataset["link"])) ?? "";
  await enterIn(page, name);
  return link;
}

export async function joinMeetingIn(page: Page, link: string, name: string): Promise<void> {
  await page.goto(link);
  await enterIn(page, name);
}

async function enterIn(page: Page, name: string): Promise<void> {
  await page.waitForSelector(testId("display-name"));
  await page.$eval(testId("display-name"), (e, value) => {
    const input = e as HTMLInputElement;
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, name);
  await click(page, testId("join"));
  await page.waitForSelector(testId("leave"), { timeout: 30_000 });
}

async function click(page: Page, selector: string): Promise<void> {
  const element = await page.waitForSelector(selector);
  await element?.click();
}

const tileSelector = (name: string, kind: string): string => `${testId("tile")}[data-name="${name}"][data-kind="${kind}"]`;

export async function waitPlayingIn(page: Page, name: string, kind = "camera", timeout = 30_000): Promise<void> {
  await page.waitForSelector(`${tileSelector(name, kind)}[data-state="playing"]`, { timeout });
}

export function halvesIn(page: Page, name: string, kind = "camera"): Promise<Halves | undefined> {
  return page.$eval(`${tileSelector(name, kind)} video`, readHalves as (e: Element) => Halves | undefined);
}

export function figureIn(page: Page, key: string): Promise<number> {
  return page.$eval("[data-frames-opened]", (e, k) => Number((e as HTMLElement).dataset[k]), key);
}
