import { expect, test } from "@playwright/test";
import { startChromium } from "./support/browsers.ts";
import { expectPicture, expectPlaying, figures, joinMeeting, startMeeting } from "./support/call.ts";
import { figureIn, hasFirefox, joinMeetingIn, startFirefox, waitPlayingIn } from "./support/firefox.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

/** Hides the server's UDP addresses from a page, which is left with what a network without UDP has. */
function hideUdp(): void {
  type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
  const native = RTCPeerConnection.prototype.setRemoteDescription as Set;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = (description.sdp ?? "").replace(/^a=candidate:\S+ \d+ udp .*\r?\n/gim, "");
    return native.call(this, { type: description.type, sdp });
  } as Set;
}

const withoutUdp = `(${hideUdp.toString()})()`;

test.describe("without UDP, media goes over the port of the page, both ways", () => {
  let server: Running;

  test.beforeEach(async () => {
    // On all addresses: Firefox does not try loopback ones from others.
    server = await startServer([], "0.0.0.0");
  });
  test.afterEach(async () => {
    await server.stop();
  });

  test("in Chromium", async () => {
    const ada = await startChromium({ picture: pictures.ada, initScript: withoutUdp });
    const kofi = await startChromium({ picture: pictures.kofi });
    try {
      const link = await startMeeting(ada.page, server.url, "Ada");
      await joinMeeting(kofi.page, link, "Kofi");
      await expectPicture(ada.page, "Kofi", pictures.kofi, 30_000);
      await expectPicture(kofi.page, "Ada", pictures.ada, 30_000);
      expect((await figures(ada.page)).decryptErrors).toBe(0);
      expect(await connections(server), "TCP connections for media").toBeGreaterThanOrEqual(2);
    } finally {
      await Promise.all([ada.close(), kofi.close()]);
    }
  });

  test("in Firefox", async () => {
    test.setTimeout(120_000);
    if (!hasFirefox()) {
      if (process.env["CI"] === "true") throw new Error("Firefox is missing: CI must install firefox-esr");
      console.log("SKIP: no Firefox on this machine, so it was not tried over TCP");
    }
    test.skip(!hasFirefox(), "no Firefox on this machine");
    const ada = await startChromium({ picture: pictures.ada });
    const fox = await startFirefox(withoutUdp);
    try {
      const link = await startMeeting(ada.page, server.url, "Ada");
      await joinMeetingIn(fox.page, link, "Fox");
      await waitPlayingIn(fox.page, "Ada", "camera", 60_000);
      await expectPlaying(ada.page, "Fox", "camera", 60_000);
      expect(await figureIn(fox.page, "decryptErrors")).toBe(0);
      expect(await connections(server), "TCP connections for media").toBeGreaterThanOrEqual(2);
    } finally {
      await Promise.all([ada.close(), fox.close()]);
    }
  });
});

/** The TCP connections that carry media now. */
async function connections(server: Running): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^conclave_media_tcp_connections (\d+)/m.exec(metrics)?.[1]);
}
