import { expect, test } from "@playwright/test";
import { expectPlaying, figures, joinMeeting, startMeeting } from "./support/call.ts";
import { startChromium } from "./support/browsers.ts";
import { figureIn, halvesIn, hasFirefox, joinMeetingIn, startFirefox, startMeetingIn, waitPlayingIn } from "./support/firefox.ts";
import { shows } from "./support/pixels.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("Chromium and Firefox", () => {
  let server: Running;
  test.beforeAll(async () => {
    if (!hasFirefox()) {
      if (process.env["CI"] === "true") throw new Error("Firefox is missing: CI must install firefox-esr");
      console.log("SKIP: no Firefox on this machine, so Chromium and Firefox were not tried together");
    }
    test.skip(!hasFirefox(), "no Firefox on this machine");
    server = await startServer();
  });
  test.afterAll(async () => {
    await server?.stop();
  });

  test("see each other: Firefox joins a Chromium's meeting", async () => {
    test.setTimeout(120_000);
    const ada = await startChromium({ picture: pictures.ada });
    const fox = await startFirefox();
    try {
      const link = await startMeeting(ada.page, server.url, "Ada");
      await joinMeetingIn(fox.page, link, "Fox");
      await expectPlaying(ada.page, "Fox", "camera", 40_000);
      await waitPlayingIn(fox.page, "Ada", "camera", 40_000);
      await expect.poll(async () => shows(await halvesIn(fox.page, "Ada"), pictures.ada), { timeout: 20_000 }).toBe(true);
      expect((await figures(ada.page)).decryptErrors).toBe(0);
      expect(await figureIn(fox.page, "decryptErrors")).toBe(0);
      await expect.poll(() => figureIn(fox.page, "framesOpened")).toBeGreaterThan(300);
    } finally {
      await Promise.all([ada.close(), fox.close()]);
    }
  });

  test("see each other: Chromium joins a Firefox's meeting", async () => {
    test.setTimeout(120_000);
    const kofi = await startChromium({ picture: pictures.kofi });
    const fox = await startFirefox();
    try {
      const link = await startMeetingIn(fox.page, server.url, "Fox");
      await joinMeeting(kofi.page, link, "Kofi");
      await expectPlaying(kofi.page, "Fox", "camera", 40_000);
      await waitPlayingIn(fox.page, "Kofi", "camera", 40_000);
      await expect.poll(async () => shows(await halvesIn(fox.page, "Kofi"), pictures.kofi), { timeout: 20_000 }).toBe(true);
    } finally {
      await Promise.all([kofi.close(), fox.close()]);
    }
  });
});
