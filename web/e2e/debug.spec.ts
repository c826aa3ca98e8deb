import { test } from "@playwright/test";
import { expectPlaying, joinMeeting, startMeeting, layer, halves } from "./support/call.ts";
import { startChromium } from "./support/browsers.ts";
import { startServer } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";
test("layers", async () => {
  test.setTimeout(120_000);
  const server = await startServer(["--log-level", "debug"]);
  const ada = await startChromium({ picture: pictures.ada });
  const kofi = await startChromium({ picture: pictures.kofi });
  const link = await startMeeting(ada.page, server.url, "Ada");
  await joinMeeting(kofi.page, link, "Kofi");
  await expectPlaying(kofi.page, "Ada");
  for (let i = 0; i < 20; i++) {
    const box = await kofi.page.locator('[data-testid="tile"][data-name="Ada"]').boundingBox();
    console.log(i, await layer(kofi.page, "Ada"), (await halves(kofi.page, "Ada"))?.width, box?.width, await layer(ada.page, "Kofi"));
    await kofi.page.waitForTimeout(1000);
  }
  await kofi.page.screenshot({ path: "/tmp/kofi.png" });
  await ada.close(); await kofi.close(); await server.stop();
});
