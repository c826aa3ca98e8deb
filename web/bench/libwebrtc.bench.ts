import { expect, test, type Page } from "@playwright/test";
import { createServer } from "node:http";
import { startChromium, type Person } from "../e2e/support/browsers.ts";
import { canEmulate, freePort, startLink } from "../e2e/support/netem.ts";
import { pictures } from "../e2e/support/y4m.ts";

/*
 * What libwebrtc does by itself, from one Chromium to another without a server, on the
 * link of e2e/bandwidth.spec.ts: 3 Mbit/s, then 400 kbit/s, then 3 Mbit/s again. The
 * sender's encoder follows the link there, which a server's cannot: it has others to serve.
 */

const rounds = Number(process.env["ROUNDS"] ?? 3);
const top = 540;

interface Round {
  readonly fall: number; // ms until a smaller picture
  readonly freeze: number; // ms, the longest time without a new picture
  readonly climb: number; // ms until the full picture, 60,000: not in time
}

for (let round = 0; round < rounds; round++) {
  for (const mode of ["L3T3_KEY", "L1T3"]) {
    test(`libwebrtc without a server, ${mode}, round ${round + 1}`, async () => {
      test.skip(!canEmulate(), "network namespaces need root");
      console.log(`${mode}: ${JSON.stringify(await measure(mode))}`);
    });
  }
}

async function measure(mode: string): Promise<Round> {
  const port = await freePort();
  const page = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<!doctype html><title>peer</title>"));
  await new Promise<void>((done) => page.listen(port, "127.0.0.1", done));
  const link = await startLink();
  const people: Person[] = [];
  try {
    const plain = ["--disable-features=WebRtcHideLocalIpsWithMdns"];
    const far = await startChromium({ devices: false, executablePath: link.chromium, args: plain });
    const near = await startChromium({ picture: pictures.ada, size: [960, top], args: plain });
    people.push(far, near);
    await near.page.goto(`http://localhost:${port}/`);
    await connect(near.page, far.page, mode);
    await expect.poll(() => height(far.page), { timeout: 40_000 }).toBe(top);
    await link.set({ downBps: 3_000_000 });
    await far.page.waitForTimeout(5_000);
    await expect.poll(() => height(far.page), { timeout: 40_000 }).toBe(top);
    const longest = await watch(far.page);
    const fell = performance.now();
    await link.set({ downBps: 400_000 });
    const fall = await until(far.page, (h) => h < top, fell, 10_000);
    await far.page.waitForTimeout(Math.max(0, 10_000 - (performance.now() - fell)));
    const rose = performance.now();
    await link.set({ downBps: 3_000_000 });
    const climb = await until(far.page, (h) => h === top, rose, 60_000);
    return { fall, freeze: await longest(), climb };
  } finally {
    await Promise.all(people.map((p) => p.close()));
    await link.stop();
    page.close();
  }
}

/** Waits until the height fits and returns the time since, or the limit. */
async function until(page: Page, fits: (height: number) => boolean, since: number, limit: number): Promise<number> {
  while (performance.now() - since < limit) {
    if (fits(await height(page))) return Math.round(performance.now() - since);
    await page.waitForTimeout(50);
  }
  return limit;
}

function height(page: Page): Promise<number> {
  return page.evaluate(() => document.querySelector("video")?.videoHeight ?? 0);
}

/** Connects two pages; candidates are in the descriptions. */
async function connect(near: Page, far: Page, mode: string): Promise<void> {
  const offer = await near.evaluate(async (scalabilityMode) => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 960, height: 540 } });
    const pc = new RTCPeerConnection();
    Object.assign(window, { pc });
    const sender = pc.addTransceiver(stream.getVideoTracks()[0] as MediaStreamTrack, { direction: "sendonly", sendEncodings: [{ scalabilityMode } as RTCRtpEncodingParameters] });
    const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
    sender.setCodecPreferences(codecs.filter((c) => c.mimeType === "video/VP9" || c.mimeType === "video/rtx"));
    await pc.setLocalDescription();
    await new Promise<void>((done) => {
      if (pc.iceGatheringState === "complete") return done();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
    });
    return pc.localDescription?.sdp ?? "";
  }, mode);
  const answer = await far.evaluate(async (sdp) => {
    const pc = new RTCPeerConnection();
    Object.assign(window, { pc });
    pc.ontrack = (event) => {
      const video = document.createElement("video");
      video.muted = true;
      video.autoplay = true;
      video.srcObject = new MediaStream([event.track]);
      document.body.append(video);
    };
    await pc.setRemoteDescription({ type: "offer", sdp });
    await pc.setLocalDescription();
    await new Promise<void>((done) => {
      if (pc.iceGatheringState === "complete") return done();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
    });
    return pc.localDescription?.sdp ?? "";
  }, offer);
  await near.evaluate(async (sdp) => {
    await (window as unknown as { pc: RTCPeerConnection }).pc.setRemoteDescription({ type: "answer", sdp });
  }, answer);
}

/** Measures the longest time between two pictures, from now on. */
async function watch(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const video = document.querySelector("video") as HTMLVideoElement;
    let last = performance.now();
    video.dataset["longest"] = "0";
    const next = (): void => {
      const now = performance.now();
      if (now - last > Number(video.dataset["longest"])) video.dataset["longest"] = String(now - last);
      last = now;
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  });
  return async () => Math.round(Number(await page.evaluate(() => document.querySelector("video")?.dataset["longest"])));
}
