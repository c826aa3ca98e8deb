import { expect, test, type Page } from "@playwright/test";
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
    const shown = { Ada: pictures.ada, Kofi: pictures.kofi, Mei: pictures.mei } as const;
    const names = ["Ada", "Kofi", "Mei"] as const;
    const inCall: { name: (typeof names)[number]; page: Page }[] = [];
    let link = "";
    for (const name of names) {
      const person = await startChromium({ picture: shown[name] });
      people.push(person);
      inCall.push({ name, page: person.page });
      if (link === "") link = await startMeeting(person.page, server.url, name);
      else await joinMeeting(person.page, link, name);
    }

    const pairs = inCall.flatMap(({ name, page }) => names.filter((of) => of !== name).map((of) => ({ page, of })));
    expect(pairs).toHaveLength(6);
    for (const { page, of } of pairs) {
      await expectPlaying(page, of, "camera", 30_000);
      await expectPicture(page, of, shown[of], 30_000);
    }

    const before = await Promise.all(inCall.map(({ page }) => figures(page)));
    const until = Date.now() + 60_000;
    while (Date.now() < until) {
      for (const { page, of } of pairs) await expectPlaying(page, of, "camera", 5_000);
      await new Promise((done) => setTimeout(done, 5_000));
    }
    for (const { page, of } of pairs) await expectPicture(page, of, shown[of], 5_000);

    for (const [i, { name, page }] of inCall.entries()) {
      const after = await figures(page);
      expect(after.decryptErrors, `${name}'s decrypt errors`).toBe(0);
      // Two voices at 50 frames a second are 6,000 in a minute; the pictures come on top.
      expect(after.framesOpened - (before[i]?.framesOpened ?? 0), `${name}'s opened frames`).toBeGreaterThan(6_000);
    }
  });
});
