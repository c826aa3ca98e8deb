import { beforeEach, describe, expect, test, vi } from "vitest";
import { open, seal } from "../sframe/aead.ts";
import { decodeHeader } from "../sframe/header.ts";
import { encodeInner } from "../sframe/inner.ts";
import { type Context, contexts } from "../sframe/kid.ts";
import { epochMessage, kid } from "../testkit/epoch.ts";
import { content, frame } from "../testkit/frames.ts";
import { hex, plainKey, unhex } from "../testkit/keys.ts";
import { Counts } from "./counts.ts";
import type { FrameMetadata } from "./frame.ts";
import { Keys } from "./keys.ts";
import { slotId } from "./messages.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";

const camera = contexts.camera;
const vp9: FrameMetadata = { mimeType: "video/VP9", spatialIndex: 2, temporalIndex: 1 };
const secret = unhex("00112233445566778899aabbccddeeff");

describe("Sender", () => {
  let keys: Keys;
  let counts: Counts;
  const sender = (context: Context) => new Sender(context, keys, counts);
  beforeEach(() => {
    keys = new Keys(
      () => {},
      () => 0,
    );
    counts = new Counts(slotId("send", 1, "camera"));
  });

  test("drops every frame while there is no key", async () => {
    const video = frame(secret, vp9, "key");
    expect(await sender(camera).seal(video)).toBe(false);
    expect(counts).toMatchObject({ noKey: 1, sealed: 0, passed: 0 });
  });

  test("seals the whole frame with its layer inside", async () => {
    keys.receive(await epochMessage(1));
    const video = frame(secret, vp9, "delta");
    expect(await sender(camera).seal(video)).toBe(true);
    const opened = await open(await plainKey(kid(camera, 1, 1), 1), content(video));
    expect(hex(opened ?? unhex(""))).toBe(`0121${hex(secret)}`);
    expect(hex(content(video))).not.toContain(hex(secret).slice(0, 8));
    expect(counts).toMatchObject({ sealed: 1, passed: 1, passedBytes: content(video).length });
  });

  test("one counter over all senders of a context and all layers", async () => {
    keys.receive(await epochMessage(1));
    const ctrs = new Set<bigint | undefined>();
    const senders = [sender(camera), sender(camera)];
    for (let i = 0; i < 12; i++) {
      const video = frame(secret, { ...vp9, spatialIndex: i % 3 }, "delta");
      await senders[i % 2]?.seal(video);
      ctrs.add(decodeHeader(content(video))?.ctr);
    }
    expect(ctrs.size).toBe(12);
  });

  test("stops when its counters are used up", async () => {
    keys.receive(await epochMessage(1, { lease: { next: 7n, end: 8n } }));
    expect(await sender(camera).seal(frame(secret, vp9, "delta"))).toBe(true);
    expect(await sender(camera).seal(frame(secret, vp9, "delta"))).toBe(false);
    expect(counts.noKey).toBe(1);
  });

  test("a frame that is being sealed when the keys are dropped does not leave", async () => {
    keys.receive(await epochMessage(1));
    const video = frame(secret, vp9, "delta");
    const sealing = sender(camera).seal(video);
    keys.receive({ kind: "drop" });
    expect(await sealing).toBe(false);
    expect(await sender(camera).seal(video)).toBe(false);
    expect(counts).toMatchObject({ noKey: 2, sealed: 0, passed: 0 });
  });

  test("seals with a new epoch's key at once", async () => {
    keys.receive(await epochMessage(1));
    keys.receive(await epochMessage(2));
    const video = frame(secret, vp9, "delta");
    await sender(camera).seal(video);
    expect(decodeHeader(content(video))?.kid).toBe(kid(camera, 1, 2));
  });

  test.each([
    ["an unknown codec", { mimeType: "video/H265" }, "delta"],
    ["no codec named", {}, "delta"],
    ["an empty type", vp9, "empty"],
  ] as const)("drops a frame of %s", async (_name, metadata, type) => {
    keys.receive(await epochMessage(1));
    expect(await sender(camera).seal(frame(secret, metadata, type))).toBe(false);
    expect(counts).toMatchObject({ dropped: 1, passed: 0 });
  });

  test("drops the frame when the crypto fails", async () => {
    keys.receive(await epochMessage(1));
    const encrypt = vi.spyOn(crypto.subtle, "encrypt").mockRejectedValueOnce(new Error("broken"));
    const video = frame(secret, vp9, "delta");
    expect(await sender(camera).seal(video)).toBe(false);
    expect(counts).toMatchObject({ errors: 1, passed: 0 });
    encrypt.mockRestore();
  });

  test("drops the frame when its metadata cannot be read", async () => {
    keys.receive(await epochMessage(1));
    const video = { ...frame(secret, vp9, "delta"), getMetadata: () => raise() };
    expect(await sender(camera).seal(video)).toBe(false);
  });

  test("passes empty frames of sound, and none of pictures", async () => {
    expect(await sender(contexts.microphone).seal(frame(unhex(""), { mimeType: "audio/opus" }))).toBe(true);
    expect(await sender(camera).seal(frame(unhex(""), vp9, "delta"))).toBe(false);
  });
});

describe("Receiver", () => {
  let now = 0;
  let keys: Keys;
  let counts: Counts;
  let receiver: Receiver;
  const events = { first: vi.fn(), keyFrameNeeded: vi.fn() };
  const expected = { assignment: 1, index: 2, context: camera, descriptor: false };

  /** A frame as member 2 seals it. */
  async function sealed(options: Partial<Sealed> = {}): Promise<ReturnType<typeof frame>> {
    const {
      context = camera,
      index = 2,
      epoch = 1,
      ctr = 0n,
      kind = context,
      type,
      metadata = vp9,
    } = options;
    const key = await plainKey(kid(context, index, epoch), epoch);
    return frame(await seal(key, ctr, encodeInner(kind, 2, 1, secret)), metadata, type ?? "delta");
  }

  beforeEach(async () => {
    now = 0;
    vi.clearAllMocks();
    keys = new Keys(
      () => {},
      () => now,
    );
    counts = new Counts(slotId("receive", 1, "0"));
    receiver = new Receiver(keys, counts, events, () => now);
    receiver.expect(expected);
    keys.receive(await epochMessage(1));
  });

  test("opens what the announced member sealed and names the layer", async () => {
    const video = await sealed({ metadata: { ...vp9, rtpTimestamp: 77 } });
    expect(await receiver.open(video, now)).toBe(true);
    expect(hex(content(video))).toBe(hex(secret));
    expect(counts.snapshot(0)).toMatchObject({ opened: 1, layer: { spatial: 2, temporal: 1 } });
    expect(events.first).toHaveBeenCalledExactlyOnceWith(1, 77);
  });

  test("a frame that is being opened when the keys are dropped is not shown", async () => {
    const opening = receiver.open(await sealed(), now);
    await Promise.resolve();
    keys.receive({ kind: "drop" });
    expect(await opening).toBe(false);
    expect(counts).toMatchObject({ noKey: 1, opened: 0, passed: 0 });
  });

  test.each([
    ["another member", { index: 1 }, "refused"],
    ["another stream of the member", { context: contexts.screen }, "refused"],
    ["another kind inside than outside", { kind: contexts.screen }, "refused"],
  ] as const)("refuses a frame of %s", async (_name, options, count) => {
    expect(await receiver.open(await sealed(options), now)).toBe(false);
    expect(counts).toMatchObject({ opened: 0, passed: 0, [count]: 1 });
  });

  test("refuses everything while the slot is idle", async () => {
    receiver.expect(undefined);
    expect(await receiver.open(await sealed(), now)).toBe(false);
    expect(counts).toMatchObject({ refused: 1, passed: 0 });
  });

  test("refuses a frame that was opened before", async () => {
    expect(await receiver.open(await sealed(), now)).toBe(true);
    expect(await receiver.open(await sealed(), now)).toBe(false);
    expect(counts).toMatchObject({ opened: 1, replays: 1 });
  });

  test("opens one of two copies that are opened at the same time", async () => {
    const results = await Promise.all([
      receiver.open(await sealed(), now),
      receiver.open(await sealed(), now),
    ]);
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  test("never passes a clear, cut or changed frame", async () => {
    const clear = frame(secret, vp9, "key");
    expect(await receiver.open(clear, now)).toBe(false);
    const whole = content(await sealed());
    for (let length = 0; length < whole.length; length++) {
      expect(await receiver.open(frame(whole.slice(0, length), vp9, "delta"), now)).toBe(false);
    }
    const changed = whole.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    expect(await receiver.open(frame(changed, vp9, "delta"), now)).toBe(false);
    expect(counts.passed).toBe(0);
    expect(counts.errors).toBeGreaterThan(0);
  });

  test("compares the layer with the descriptor's, where the m-line has one", async () => {
    receiver.expect({ ...expected, descriptor: true });
    expect(await receiver.open(await sealed({ ctr: 1n }), now)).toBe(true);
    const lie = await sealed({ ctr: 2n, metadata: { ...vp9, spatialIndex: 0 } });
    expect(await receiver.open(lie, now)).toBe(false);
    expect(counts.refused).toBe(1);
  });

  test("holds a frame until its key comes", async () => {
    const opening = receiver.open(await sealed({ epoch: 2 }), now);
    keys.receive(await epochMessage(2));
    expect(await opening).toBe(true);
    expect(counts).toMatchObject({ held: 1, noKey: 0, opened: 1 });
  });

  test("drops a frame that has waited 300 ms, and asks for a key frame later", async () => {
    const late = await sealed({ epoch: 2 });
    now = 300;
    expect(await receiver.open(late, 0)).toBe(false);
    expect(counts).toMatchObject({ held: 1, noKey: 1 });
    keys.receive(await epochMessage(2));
    expect(await receiver.open(await sealed({ epoch: 2, ctr: 1n }), now)).toBe(true);
    expect(events.keyFrameNeeded).toHaveBeenCalledTimes(1);
    await receiver.open(await sealed({ epoch: 2, ctr: 2n, type: "key" }), now);
    await receiver.open(await sealed({ epoch: 2, ctr: 3n }), now);
    expect(events.keyFrameNeeded).toHaveBeenCalledTimes(1);
  });

  test("refuses what opens after the slot was given to somebody else", async () => {
    const opening = receiver.open(await sealed({ epoch: 2 }), now);
    receiver.expect({ ...expected, assignment: 2, index: 1 });
    keys.receive(await epochMessage(2));
    expect(await opening).toBe(false);
    expect(counts).toMatchObject({ refused: 1, passed: 0 });
    expect(events.first).not.toHaveBeenCalled();
  });

  test("announces the first frame of each assignment", async () => {
    await receiver.open(await sealed(), now);
    receiver.expect({ ...expected, assignment: 2 });
    await receiver.open(await sealed({ ctr: 1n }), now);
    await receiver.open(await sealed({ ctr: 2n }), now);
    expect(events.first.mock.calls).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
  });

  test("passes empty frames of sound only", async () => {
    expect(await receiver.open(frame(unhex(""), vp9, "delta"), now)).toBe(false);
    receiver.expect({ ...expected, context: contexts.microphone });
    expect(await receiver.open(frame(unhex(""), { mimeType: "audio/opus" }), now)).toBe(true);
  });
});

interface Sealed {
  readonly context: Context;
  readonly index: number;
  readonly epoch: number;
  readonly ctr: bigint;
  readonly kind: Context;
  readonly type: "key" | "delta";
  readonly metadata: FrameMetadata;
}

function raise(): never {
  throw new Error("no metadata");
}
