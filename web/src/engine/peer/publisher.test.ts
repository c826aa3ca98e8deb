import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { PublishedStream } from "../bridge.d.ts";
import { slotId } from "../media-worker/messages.ts";
import { FakeMedia, FakePeer, stubBrowser, track } from "../testkit/peer.ts";
import { Publisher } from "./publisher.ts";

const camera = slotId("send", 1, "camera");

describe("Publisher", () => {
  let media: FakeMedia;
  let publisher: Publisher;
  let offers: { sdp: string; streams: readonly PublishedStream[] }[];
  const events = { rebuild: vi.fn(), breached: vi.fn() };

  beforeEach(() => {
    vi.useFakeTimers();
    vi.clearAllMocks();
    FakePeer.attaches = true;
    stubBrowser();
    media = new FakeMedia();
    offers = [];
    publisher = new Publisher(
      { iceServers: [], codec: "VP9", media: media.client, connection: 1 },
      { ...events, publish: (sdp, streams) => offers.push({ sdp, streams }) },
    );
  });
  afterEach(() => {
    publisher.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const peer = (): FakePeer => FakePeer.made[0] ?? fail();
  const sends = (): string[] => FakePeer.journal.filter((entry) => entry.startsWith("sends"));

  /** Says what left the camera's sender and what the worker handed on, and lets the gate look. */
  async function look(framesSent: number, passed: number): Promise<void> {
    const [transceiver] = peer().transceivers;
    (transceiver ?? fail()).sender.stats = [{ type: "outbound-rtp", kind: "video", framesSent }];
    media.figures.set(camera, { passed, passedBytes: passed * 100 });
    await publisher.check();
    await vi.advanceTimersByTimeAsync(0);
  }

  test("every peer connection holds frames back until there is a transform", () => {
    expect(peer().configuration).toMatchObject({ encodedInsertableStreams: true });
  });

  test("the transform is set in the task of the transceiver, before any description", async () => {
    publisher.open("microphone", "camera");
    expect(FakePeer.journal).toEqual([
      "transceiver added",
      "transform set",
      "transceiver added",
      "transform set",
    ]);
    await vi.advanceTimersByTimeAsync(0);
    expect(FakePeer.journal).toContain("local offer");
    expect(offers).toHaveLength(1);
  });

  test("a sender that does not hold the transform gets no track at all", async () => {
    FakePeer.attaches = false;
    await publisher.show("camera", track("video"));
    await look(0, 0);
    expect(sends()).toEqual([]);
    FakePeer.attaches = true;
    await look(0, 0);
    expect(sends()).toEqual(["sends black"]);
  });

  test("the real track waits for the gate", async () => {
    const real = track("video");
    await publisher.show("camera", real);
    await look(0, 0);
    await look(2, 2);
    expect(sends()).toEqual(["sends black"]);
    await look(3, 3);
    expect(sends()).toEqual(["sends black", "sends real"]);
    expect(publisher.settled).toBe(true);
  });

  test("frames that pass the worker close the connection before the real track is seen", async () => {
    await publisher.show("camera", track("video"));
    await look(60, 0);
    expect(FakePeer.journal.at(-1)).toBe("closed");
    expect(sends()).toEqual(["sends black"]);
    expect(events.breached).toHaveBeenCalledExactlyOnceWith("camera");
  });

  test("frames that pass the worker later close the connection too", async () => {
    await publisher.show("camera", track("video"));
    await look(30, 30);
    await look(90, 60);
    expect(FakePeer.journal.at(-1)).toBe("closed");
    expect(events.breached).toHaveBeenCalledTimes(1);
  });

  test("turning off and on again keeps the transform and the m-line", async () => {
    await publisher.show("camera", track("video"));
    await look(3, 3);
    await publisher.show("camera", undefined);
    await publisher.show("camera", track("video", "again"));
    expect(sends()).toEqual(["sends black", "sends real", "sends nothing", "sends again"]);
    expect(FakePeer.journal).not.toContain("transform taken off");
    expect(peer().transceivers).toHaveLength(1);
  });

  test("one offer at a time; what changes meanwhile follows the answer", async () => {
    publisher.open("camera");
    await vi.advanceTimersByTimeAsync(0);
    await publisher.show("camera", track("video"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(offers.map(({ streams }) => streams)).toEqual([[{ mid: "0", kind: "camera", active: false }]]);
    await publisher.answered("answer");
    await vi.advanceTimersByTimeAsync(0);
    expect(offers.at(-1)?.streams).toEqual([{ mid: "0", kind: "camera", active: true }]);
    publisher.setMuted("camera", true);
    await publisher.answered("answer");
    await vi.advanceTimersByTimeAsync(0);
    expect(offers.at(-1)?.streams).toEqual([{ mid: "0", kind: "camera", active: false }]);
  });

  test("an offer without an answer is made again", async () => {
    publisher.open("camera");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offers).toHaveLength(2);
    publisher.reconnected();
    await vi.advanceTimersByTimeAsync(0);
    expect(offers).toHaveLength(3);
  });

  test("a broken path is given new ones, then a new connection", async () => {
    publisher.open("camera");
    await vi.advanceTimersByTimeAsync(0);
    await publisher.answered("answer");
    peer().become("connected");
    peer().become("disconnected");
    await vi.advanceTimersByTimeAsync(1999);
    expect(publisher.well).toBe(false);
    expect(peer().offers.at(-1)).toMatchObject({ iceRestart: false });
    await vi.advanceTimersByTimeAsync(2);
    expect(peer().offers.at(-1)).toMatchObject({ iceRestart: true });
    peer().become("connected");
    expect(publisher.well).toBe(true);
    peer().become("failed");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(events.rebuild).toHaveBeenCalledWith("VP9");
  });

  test("VP8 follows where the server does not take the codec", async () => {
    publisher.open("camera");
    await vi.advanceTimersByTimeAsync(0);
    for (const transceiver of peer().transceivers) {
      transceiver.direction = "stopped";
    }
    await publisher.answered("answer");
    expect(events.rebuild).toHaveBeenCalledExactlyOnceWith("VP8");
  });
});

function fail(): never {
  throw new Error("the fake has none");
}
