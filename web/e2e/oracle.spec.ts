import { expect, test } from "@playwright/test";
import { expectPlaying, joinMeeting } from "./support/call.ts";
import { startChromium, type Person } from "./support/browsers.ts";
import { hasFirefox, joinMeetingIn, startFirefox, testId, waitPlayingIn } from "./support/firefox.ts";
import { orderShim, type Attach, type Sabotage } from "./support/shims.ts";
import { startWiretap, type Report, type Wiretap } from "./support/wiretap.ts";
import { pictures } from "./support/y4m.ts";

/**
 * The wire oracle. A server with a tap gets every RTP packet of every stream
 * from the first one on, before anything is filtered. The tap sits in the
 * meeting as a member, so it holds the keys of all epochs, and opens every
 * frame. One frame that does not open fails the run.
 */
test.describe("no frame ever leaves in clear", () => {
  // One frame in clear is one too many, however seldom it happens.
  test.describe.configure({ retries: 0 });

  const attaches: readonly Attach[] = ["in-task", "microtask", "after-local-description", "two-seconds-late"];

  for (const attach of attaches) {
    test(`Chromium, transform attached ${attach}`, async () => {
      test.setTimeout(90_000);
      const report = await callWithTap({ attach, flag: true }, async (ada) => {
        await expect(ada.page.getByTestId("leave")).toBeVisible();
        await ada.page.waitForTimeout(attach === "two-seconds-late" ? 9_000 : 5_000);
      });
      expectSealed(report, 2);
    });
  }

  for (const codec of ["AV1", "VP8", "H264"]) {
    for (const attach of ["in-task", "two-seconds-late"] as const) {
      test(`Chromium with ${codec}, transform attached ${attach}`, async () => {
        test.setTimeout(90_000);
        const report = await callWithTap({ attach, flag: true }, async (ada) => {
          await ada.page.waitForTimeout(attach === "two-seconds-late" ? 9_000 : 6_000);
        }, codec);
        expectSealed(report, 2);
        expect(report.streams.filter((s) => s.kind === "camera").flatMap((s) => s.codecs)).toEqual(expect.arrayContaining([`video/${codec}`]));
      });
    }
  }

  test("over renegotiation, mute, device change, scalability mode, codec, key change and a killed worker", async () => {
    test.setTimeout(150_000);
    const report = await callWithTap({ attach: "in-task", flag: true }, async (ada, tap) => {
      const { page } = ada;
      const pause = (): Promise<void> => page.waitForTimeout(1_500);
      await pause();
      for (const button of ["toggle-mic", "toggle-camera"]) {
        await page.getByTestId(button).click();
        await pause();
        await page.getByTestId(button).click();
        await pause();
      }
      for (const mode of ["L1T3", "L2T2_KEY", "L3T3", "L3T3_KEY"]) {
        await page.evaluate(setScalabilityMode, mode);
        await pause();
      }
      for (const codec of ["VP8", "AV1", "VP9"]) {
        await page.evaluate(setCodec, codec);
        await pause();
      }
      await page.getByTestId("share-screen").click();
      await pause();
      await page.getByTestId("share-screen").click();
      await pause();
      const kofi = await startChromium({ picture: pictures.kofi });
      await joinMeeting(kofi.page, tap.link, "Kofi");
      await expectPlaying(page, "Kofi", "camera", 30_000);
      await kofi.close();
      await page.evaluate(() => {
        for (const worker of window.conclaveTest?.workers ?? []) worker.terminate();
      });
      await pause();
      await pause();
    });
    expectSealed(report, 3);
    expect(report.streams.filter((s) => s.kind === "camera").flatMap((s) => s.codecs)).toEqual(expect.arrayContaining(["video/VP9", "video/VP8"]));
  });

  test("Firefox", async () => {
    test.setTimeout(180_000);
    if (!hasFirefox() && process.env["CI"] === "true") throw new Error("Firefox is missing: CI must install firefox-esr");
    test.skip(!hasFirefox(), "no Firefox on this machine");
    // Each with mute, camera off and on, another joining and leaving, and killed workers after it.
    for (const attach of ["in-task", "two-seconds-late"] as const) {
      const tap = await startWiretap();
      const fox = await startFirefox(orderShim({ attach, flag: true }));
      try {
        await joinMeetingIn(fox.page, tap.link, "Fox");
        await waitPlayingIn(fox.page, "Fox", "self");
        const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
        await pause(9_000);
        for (const button of ["toggle-mic", "toggle-camera", "toggle-mic", "toggle-camera"]) {
          await fox.page.click(testId(button));
          await pause(1_500);
        }
        // On a busy machine Firefox now and then shows a first visitor late; what is asked
        // here is only that somebody comes, is seen and goes.
        if (!(await visit(fox.page, tap.link))) await visit(fox.page, tap.link, true);
        await fox.page.evaluate(() => {
          for (const worker of window.conclaveTest?.workers ?? []) worker.terminate();
        });
        await pause(3_000);
        expectSealed(await tap.report(), 2);
      } finally {
        await fox.close();
        await tap.stop();
      }
    }
  });

  async function visit(page: Parameters<typeof waitPlayingIn>[0], link: string, must = false): Promise<boolean> {
    const kofi = await startChromium({ picture: pictures.kofi });
    try {
      await joinMeeting(kofi.page, link, "Kofi");
      await waitPlayingIn(page, "Kofi");
      return true;
    } catch (e) {
      if (must) throw e;
      return false;
    } finally {
      await kofi.close();
    }
  }

  test("negative control: the same run with the protection taken out fails", async () => {
    test.setTimeout(90_000);
    const report = await callWithTap({ attach: "two-seconds-late", flag: false }, async (ada) => {
      await ada.page.waitForTimeout(9_000);
    });
    expect(report.failed, "clear frames were caught").toBeGreaterThan(0);
    expect(() => expectSealed(report, 2)).toThrow();
  });

  async function callWithTap(sabotage: Sabotage, during: (ada: Person, tap: Wiretap) => Promise<void>, codec = "VP9"): Promise<Report> {
    const tap = await startWiretap();
    const ada = await startChromium({
      picture: pictures.ada,
      initScript: orderShim(sabotage),
      args: ["--auto-select-tab-capture-source-by-title=Call", "--auto-accept-this-tab-capture"],
    });
    try {
      await joinMeeting(ada.page, tap.link.replace("#", `?codec=${codec}#`), "Ada");
      await during(ada, tap);
      return await tap.report();
    } finally {
      await ada.close();
      await tap.stop();
    }
  }
});

/** Every frame of every stream opened, and there were enough of both kinds to mean something. */
function expectSealed(report: Report, streams: number): void {
  expect(report.failures, JSON.stringify(report.failures)).toEqual([]);
  expect(report.failed).toBe(0);
  expect(report.streams.length).toBeGreaterThanOrEqual(streams);
  const opened = (kind: string): number => report.streams.filter((s) => s.kind === kind).reduce((n, s) => n + s.opened, 0);
  expect(opened("camera"), "camera frames opened").toBeGreaterThan(20);
  expect(opened("microphone"), "microphone frames opened").toBeGreaterThan(50);
  expect(report.incomplete, "frames that lost a packet and could not be judged").toBeLessThanOrEqual(report.frames / 100);
}

/** Runs in the page: changes the layers of the camera's encoder while it runs. */
async function setScalabilityMode(mode: string): Promise<void> {
  for (const peer of window.conclaveTest?.peers ?? []) {
    for (const sender of peer.getSenders()) {
      const parameters = sender.getParameters();
      const encoding = parameters.encodings[0] as (RTCRtpEncodingParameters & { scalabilityMode?: string }) | undefined;
      if (sender.track?.kind !== "video" || !encoding?.scalabilityMode) continue;
      encoding.scalabilityMode = mode;
      await sender.setParameters(parameters);
    }
  }
}

/** Runs in the page: changes the camera's codec while it runs. */
async function setCodec(name: string): Promise<void> {
  for (const peer of window.conclaveTest?.peers ?? []) {
    for (const sender of peer.getSenders()) {
      if (sender.track?.kind !== "video") continue;
      const parameters = sender.getParameters();
      const codec = parameters.codecs.find((c) => c.mimeType === `video/${name}`);
      const encoding = parameters.encodings[0] as (RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string }) | undefined;
      if (!codec || !encoding) continue;
      encoding.codec = codec;
      encoding.scalabilityMode = name === "VP8" ? "L1T3" : "L3T3_KEY";
      await sender.setParameters(parameters);
    }
  }
}
