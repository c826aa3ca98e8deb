import { expect, test } from "@playwright/test";
import { expectPicture, expectPlaying, figures, joinMeeting, startMeeting, tile } from "./support/call.ts";
import { People } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("joining and leaving", () => {
  let server: Running;
  const people = new People();

  test.beforeEach(async () => {
    server = await startServer();
  });
  test.afterEach(async () => {
    await people.closeAll();
    await server.stop();
  });

  test("changes the key each time, and no frame fails to open", async () => {
    test.setTimeout(150_000);
    const ada = await people.start({ picture: pictures.ada });
    const kofi = await people.start({ picture: pictures.kofi });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPlaying(ada.page, "Kofi");
    await expectPlaying(kofi.page, "Ada");

    let epoch = (await figures(ada.page)).epoch;
    for (let round = 0; round < 3; round++) {
      const mei = await people.start({ picture: pictures.mei });
      await joinMeeting(mei.page, link, "Mei");
      await expect.poll(async () => (await figures(ada.page)).epoch).toBeGreaterThan(epoch);
      epoch = (await figures(ada.page)).epoch;
      await expectPicture(mei.page, "Ada", pictures.ada);
      await mei.page.getByTestId("leave").click();
      await expect.poll(async () => (await figures(ada.page)).epoch).toBeGreaterThan(epoch);
      epoch = (await figures(ada.page)).epoch;
      await expect(tile(ada.page, "Mei")).toHaveCount(0);
      await mei.close();
      await expectPlaying(ada.page, "Kofi");
    }
    for (const person of [ada, kofi]) expect((await figures(person.page)).decryptErrors).toBe(0);
  });

  test("the owner leaves and the next one takes over", async () => {
    test.setTimeout(90_000);
    const ada = await people.start({ picture: pictures.ada });
    const kofi = await people.start({ picture: pictures.kofi });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPlaying(kofi.page, "Ada");
    await ada.page.getByTestId("leave").click();
    await expect(tile(kofi.page, "Ada")).toHaveCount(0);
    const mei = await people.start({ picture: pictures.mei });
    await joinMeeting(mei.page, link, "Mei");
    await expectPicture(mei.page, "Kofi", pictures.kofi);
    await expectPicture(kofi.page, "Mei", pictures.mei);
  });

  test("a browser that dies frees its seat", async () => {
    test.setTimeout(90_000);
    const ada = await people.start({ picture: pictures.ada });
    const kofi = await people.start({ picture: pictures.kofi });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPlaying(ada.page, "Kofi");
    await kofi.close();
    await expect(tile(ada.page, "Kofi")).toHaveCount(0, { timeout: 20_000 });
  });
});
