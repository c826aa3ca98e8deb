import { expect, test } from "@playwright/test";
import { expectPicture, figures, joinMeeting, layer, startMeeting } from "./support/call.ts";
import { startChromium } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("two Chromium see each other", () => {
  let server: Running;
  test.beforeAll(async () => {
    server = await startServer();
  });
  test.afterAll(async () => {
    await server.stop();
  });

  for (const codec of ["AV1", "VP8", "H264"]) {
    test(`with ${codec}`, async () => {
      test.setTimeout(90_000);
      const ada = await startChromium({ picture: pictures.ada });
      const kofi = await startChromium({ picture: pictures.kofi });
      try {
        const link = (await startMeeting(ada.page, server.url, "Ada")).replace("#", `?codec=${codec}#`);
        await joinMeeting(kofi.page, link, "Kofi");
        await expectPicture(ada.page, "Kofi", pictures.kofi, 30_000);
        await expectPicture(kofi.page, "Ada", pictures.ada, 30_000);
        await expect.poll(() => layer(ada.page, "Kofi"), "a layer named by the seal").toBeDefined();
        expect((await figures(ada.page)).decryptErrors).toBe(0);
      } finally {
        await Promise.all([ada.close(), kofi.close()]);
      }
    });
  }
});
