import { expect, test } from "@playwright/test";
import { expectPicture, expectPlaying, figures, joinMeeting, startMeeting } from "./support/call.ts";
import { startChromium, type Person } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("three Chromium in a call", () => {
  let server: Running;
  const people: Person[] = [];

  test.beforeAll(async () => {
    server = await startServer();
  });
  test.afterAll(async () => {
    await Promise.all(people.map((p) => p.close()));
    await server.stop();
  });

  test("for 60 s: six remote tiles play the right pictures and every frame opens", async () => {
    test.setTimeout(180_000);
    const names = ["Ada", "Kofi", "Mei"] as const;
    const shown = { Ada: pictures.ada, Kofi: pictures.kofi, Mei: pictures.mei };
    let link = "";
    for (const name of names) {
      const person = await startChromium({ picture: shown[name] });
      people.push(person);
      if (link === "") link = await startMeeting(person.page, server.url, name);
      else await joinMeeting(person.page, link, name);
    }

    const pairs = names.flatMap((at, i) => names.filter((of) => of !== at).map((of) => ({ page: people[i]!.page, of })));
    expect(pairs).toHaveLength(6);
    for (const { page, of } of pairs) {
      await expectPlaying(page, of, "camera", 30_000);
      await expectPicture(page, of, shown[of], 30_000);
    }

    const before = await Promise.all(people.map((p) => figures(p.page)));
    const until = Date.now() + 60_000;
    while (Date.now() < until) {
      for (const { page, of } of pairs) await expectPlaying(page, of, "camera", 5_000);
      await people[0]!.page.waitForTimeout(5_000);
    }
    for (const { page, of } of pairs) await expectPicture(page, of, shown[of], 5_000);

    const after = await Promise.all(people.map((p) => figures(p.page)));
    for (const [i, figure] of after.entries()) {
      expect(figure.decryptErrors, `${names[i]}'s decrypt errors`).toBe(0);
      // Two voices at 50 frames a second are 6,000 in a minute; the pictures come on top.
      expect(figure.framesOpened - before[i]!.framesOpened, `${names[i]}'s opened frames`).toBeGreaterThan(6_000);
    }
  });
});
