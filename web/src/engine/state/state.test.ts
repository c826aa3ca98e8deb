import { describe, expect, test, vi } from "vitest";
import { problemOf, worst } from "../devices/problem.ts";
import { Alarms } from "./alarms.ts";
import { ChatLog } from "./chat-log.ts";
import { initialState } from "./initial.ts";
import { LossMeter, qualityOf } from "./quality.ts";
import { same } from "./same.ts";
import { Speaking } from "./speaking.ts";
import { Store } from "./store.ts";

describe("Speaking", () => {
  test("begins after 150 ms and ends after 400 ms", () => {
    const speaking = new Speaking<number>();
    expect(speaking.update(1, 0.5, 0)).toBe(false);
    expect(speaking.update(1, 0.5, 149)).toBe(false);
    expect(speaking.update(1, 0.5, 150)).toBe(true);
    expect(speaking.update(1, 0, 200)).toBe(true);
    expect(speaking.update(1, 0, 599)).toBe(true);
    expect(speaking.update(1, 0, 600)).toBe(false);
  });

  test("a click and a breath change nothing", () => {
    const speaking = new Speaking<number>();
    speaking.update(1, 0.5, 0);
    speaking.update(1, 0, 50);
    expect(speaking.update(1, 0.5, 160)).toBe(false);
    expect(speaking.update(1, 0.5, 310)).toBe(true);
    speaking.update(1, 0, 400);
    speaking.update(1, 0.5, 700);
    expect(speaking.update(1, 0, 900)).toBe(true);
  });

  test("forgets who is gone", () => {
    const speaking = new Speaking<number>();
    speaking.update(1, 1, 0);
    speaking.update(1, 1, 200);
    speaking.keep(new Set([2]));
    expect(speaking.isSpeaking(1)).toBe(false);
  });
});

const inbound = (packetsLost: number, packetsReceived: number): object => ({
  type: "inbound-rtp",
  packetsLost,
  packetsReceived,
});

describe("quality", () => {
  test.each([
    [{ connected: true, loss: 0, roundTripMs: 20, starved: false }, "good"],
    [{ connected: true, loss: 0.04, roundTripMs: 20, starved: false }, "fair"],
    [{ connected: true, loss: 0, roundTripMs: 400, starved: false }, "fair"],
    [{ connected: true, loss: 0.2, roundTripMs: 20, starved: false }, "poor"],
    [{ connected: true, loss: 0, roundTripMs: 20, starved: true }, "poor"],
    [{ connected: false, loss: 0, roundTripMs: 20, starved: false }, "lost"],
  ] as const)("%o is %s", (health, want) => expect(qualityOf(health)).toBe(want));

  test("loss is that since the last look, the worse of both directions", () => {
    const meter = new LossMeter();
    expect(meter.read([inbound(10, 90)], []).loss).toBeCloseTo(0.1);
    expect(meter.read([inbound(10, 190)], [{ type: "remote-inbound-rtp", fractionLost: 0.05 }]).loss).toBe(
      0.05,
    );
    // Packets that came late after all.
    expect(meter.read([inbound(8, 290)], []).loss).toBe(0);
    const pair = { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.25 };
    expect(meter.read([], [pair]).roundTripMs).toBe(250);
    const old = { ...pair, id: "old", currentRoundTripTime: 14 };
    const selected = { type: "transport", selectedCandidatePairId: "new" };
    expect(meter.read([], [old, { ...pair, id: "new" }, selected]).roundTripMs).toBe(250);
  });
});

describe("ChatLog", () => {
  const message = {
    kind: "chat",
    id: "a",
    index: 1,
    name: "Ada",
    text: "hello",
    sentAt: 1,
    you: true,
  } as const;

  test("follows an own message to its delivery", () => {
    const log = new ChatLog();
    log.add(message);
    expect(log.messages).toMatchObject([{ id: "a", delivery: "sending" }]);
    log.deliver("a", "failed");
    log.deliver("b", "sent");
    expect(log.messages).toMatchObject([{ delivery: "failed" }]);
    log.add(message);
    expect(log.messages).toMatchObject([{ delivery: "sending" }]);
  });

  test("shows a message of somebody else as sent, and once", () => {
    const log = new ChatLog();
    log.add({ ...message, you: false });
    log.add({ ...message, you: false });
    expect(log.messages).toMatchObject([{ delivery: "sent" }]);
  });

  test("is bounded", () => {
    const log = new ChatLog();
    for (let i = 0; i < 2010; i++) {
      log.add({ ...message, id: String(i) });
    }
    expect(log.messages).toHaveLength(2000);
    expect(log.messages[0]?.id).toBe("10");
  });
});

describe("Store", () => {
  test("tells at once, then once a frame, and only of changes", () => {
    let frame: (() => void) | undefined;
    const store = new Store(initialState("https://example.org/m/x#y"), (run) => (frame = run));
    const listener = vi.fn();
    const stop = store.subscribe(listener);
    expect(listener).toHaveBeenCalledTimes(1);
    store.set({ micOn: true });
    expect(frame).toBeUndefined();
    store.set({ micOn: false });
    store.set({ cameraOn: false });
    expect(store.state).toMatchObject({ micOn: false, cameraOn: false });
    frame?.();
    expect(listener).toHaveBeenCalledTimes(2);
    stop();
    store.set({ micOn: true });
    frame?.();
    expect(listener).toHaveBeenCalledTimes(2);
  });
});

describe("same", () => {
  // Like a MediaStream: no plain object.
  const stream = new Date(0);
  test.each([
    [{ a: 1, b: undefined }, { a: 1, b: undefined }, true],
    [{ a: 1, b: undefined }, { a: 1 }, false],
    [{ layer: { s: 1 } }, { layer: { s: 1 } }, true],
    [{ layer: { s: 1 } }, { layer: { s: 2 } }, false],
    [{ media: stream }, { media: stream }, true],
    [{ media: stream }, { media: new Date(0) }, false],
  ])("same(%o, %o)", (a, b, want) => expect(same(a, b)).toBe(want));
});

test("Alarms are not repeated within a minute", () => {
  const alarms = new Alarms();
  expect(alarms.raise("tamper", "Lin", 0)).toBe(true);
  expect(alarms.raise("tamper", "Lin", 59_999)).toBe(false);
  expect(alarms.raise("tamper", "Mei", 59_999)).toBe(true);
  expect(alarms.raise("tamper", "Lin", 60_000)).toBe(true);
  expect(alarms.all).toHaveLength(3);
});

describe("device problems", () => {
  test.each([
    ["NotAllowedError", "camera", "denied"],
    ["NotFoundError", "camera", "no-camera"],
    ["NotFoundError", "microphone", "no-mic"],
    ["OverconstrainedError", "microphone", "no-mic"],
    ["NotReadableError", "camera", "device-busy"],
    ["AbortError", "camera", "device-busy"],
    ["TypeError", "camera", "no-camera"],
  ] as const)("%s of the %s is %s", (name, wanted, want) => {
    expect(problemOf(new DOMException("", name), wanted)).toBe(want);
  });

  test("what one can do something about is shown first", () => {
    expect(worst(["no-camera", "denied"])).toBe("denied");
    expect(worst([undefined, "no-mic"])).toBe("no-mic");
    expect(worst([undefined])).toBeUndefined();
  });
});
