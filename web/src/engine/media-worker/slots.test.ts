import { beforeEach, describe, expect, test, vi } from "vitest";
import { contexts } from "../sframe/kid.ts";
import { epochMessage } from "../testkit/epoch.ts";
import { content, frame } from "../testkit/frames.ts";
import type { EncodedFrame } from "./frame.ts";
import { type FromMedia, type KeyRequest, slotId } from "./messages.ts";
import { Slots, type Transformer } from "./slots.ts";

const sending = slotId("send", 1, "camera");
const receiving = slotId("receive", 1, "0");
const vp9 = { mimeType: "video/VP9" };

/** A transformer whose streams the test holds. */
function transformer(): {
  readonly input: WritableStreamDefaultWriter<EncodedFrame>;
  readonly output: ReadableStreamDefaultReader<EncodedFrame>;
  readonly generateKeyFrame: ReturnType<typeof vi.fn>;
  readonly transformer: Transformer;
} {
  const inward = new TransformStream<EncodedFrame, EncodedFrame>();
  const outward = new TransformStream<EncodedFrame, EncodedFrame>();
  const generateKeyFrame = vi.fn(() => Promise.resolve());
  return {
    input: inward.writable.getWriter(),
    output: outward.readable.getReader(),
    generateKeyFrame,
    transformer: { readable: inward.readable, writable: outward.writable, generateKeyFrame },
  };
}

describe("Slots", () => {
  let pages: FromMedia[];
  let sessions: KeyRequest[];
  let slots: Slots;
  beforeEach(() => {
    pages = [];
    sessions = [];
    slots = new Slots({
      toPage: (message) => pages.push(message),
      toSession: (message) => sessions.push(message),
      now: () => performance.now(),
    });
  });

  test("what one slot seals another opens, in order, also while frames wait for their key", async () => {
    slots.receiveKeys(await epochMessage(1, { self: 2 }));
    const sender = transformer();
    void slots.run({ kind: "send", slot: sending, context: contexts.camera }, sender.transformer);
    const wire: Uint8Array<ArrayBuffer>[] = [];
    for (let i = 0; i < 20; i++) {
      if (i === 10) {
        slots.receiveKeys(await epochMessage(2, { self: 2 }));
      }
      void sender.input.write(frame(new Uint8Array([i, 1, 2, 3]), vp9, i === 0 ? "key" : "delta"));
      const { value } = await sender.output.read();
      wire.push(value === undefined ? new Uint8Array() : content(value));
    }

    // The receiver's worker has only the first epoch when the frames of the second arrive.
    const other = new Slots({
      toPage: (message) => pages.push(message),
      toSession: () => {},
      now: () => performance.now(),
    });
    other.receiveKeys(await epochMessage(1));
    const receiver = transformer();
    const expectation = { assignment: 3, index: 2, context: contexts.camera, descriptor: false };
    other.handle({ kind: "expect", slot: receiving, expectation });
    void other.run({ kind: "receive", slot: receiving }, receiver.transformer);
    for (const bytes of wire) {
      void receiver.input.write(frame(bytes, vp9, "delta"));
    }
    const got: (number | undefined)[] = [];
    for (let i = 0; i < 10; i++) {
      got.push(new Uint8Array((await receiver.output.read()).value?.data ?? new ArrayBuffer())[0]);
    }
    other.receiveKeys(await epochMessage(2));
    for (let i = 0; i < 10; i++) {
      got.push(new Uint8Array((await receiver.output.read()).value?.data ?? new ArrayBuffer())[0]);
    }
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(pages).toContainEqual({ kind: "first", slot: receiving, assignment: 3, rtpTimestamp: undefined });

    other.handle({ kind: "count", request: 9 });
    const counts = pages.findLast((message) => message.kind === "counts");
    expect(counts).toMatchObject({
      request: 9,
      slots: [{ slot: receiving, assignment: 3, opened: 20, errors: 0 }],
    });
    other.reportOpened();
    slots.reportOpened();
    expect(sessions).toEqual([]);
  });

  test("asks the encoder for a key frame when someone joins", async () => {
    const { transformer: own, generateKeyFrame } = transformer();
    void slots.run({ kind: "send", slot: sending, context: contexts.camera }, own);
    slots.receiveKeys(await epochMessage(1));
    expect(generateKeyFrame).not.toHaveBeenCalled();
    slots.receiveKeys(await epochMessage(2, { joined: true }));
    slots.receiveKeys(await epochMessage(3, { joined: true }));
    expect(generateKeyFrame).toHaveBeenCalledTimes(1);
  });

  test("a slot whose streams end is forgotten", async () => {
    const { input, transformer: own } = transformer();
    const running = slots.run({ kind: "receive", slot: receiving }, own);
    await input.close();
    await running;
    slots.report(1);
    expect(pages).toEqual([{ kind: "counts", request: 1, slots: [] }]);
  });

  test("a slot that a newer transform has taken over is not forgotten with the older one", async () => {
    const older = transformer();
    const newer = transformer();
    const ended = slots.run({ kind: "receive", slot: receiving }, older.transformer);
    void slots.run({ kind: "receive", slot: receiving }, newer.transformer);
    await older.input.close();
    await ended;
    const expectation = { assignment: 7, index: 2, context: contexts.camera, descriptor: false };
    slots.handle({ kind: "expect", slot: receiving, expectation });
    slots.report(1);
    expect(pages).toMatchObject([{ kind: "counts", slots: [{ slot: receiving, assignment: 7 }] }]);
  });

  test("an older transform opens nothing any more once a newer one has its slot", async () => {
    slots.receiveKeys(await epochMessage(1, { self: 2 }));
    const sender = transformer();
    void slots.run({ kind: "send", slot: sending, context: contexts.camera }, sender.transformer);
    void sender.input.write(frame(new Uint8Array([1, 2, 3]), vp9, "key"));
    const sealed = content((await sender.output.read()).value ?? frame(new Uint8Array()));

    const expectation = { assignment: 1, index: 2, context: contexts.camera, descriptor: false };
    slots.handle({ kind: "expect", slot: receiving, expectation });
    const older = transformer();
    const passed = vi.fn();
    const ended = slots.run({ kind: "receive", slot: receiving }, older.transformer);
    void slots.run({ kind: "receive", slot: receiving }, transformer().transformer);
    void older.output.read().then(({ value }) => passed(value));
    void older.input.write(frame(sealed, vp9, "key"));
    await older.input.close();
    await ended;
    expect(passed).not.toHaveBeenCalled();
  });

  test("keys end on time without a frame that asks for them, and are dropped when a message is unreadable", async () => {
    let now = 0;
    slots = new Slots({ toPage: () => {}, toSession: (message) => sessions.push(message), now: () => now });
    slots.receiveKeys(await epochMessage(1, { self: 2 }));
    const sender = transformer();
    void slots.run({ kind: "send", slot: sending, context: contexts.camera }, sender.transformer);
    const receiver = transformer();
    const expectation = { assignment: 1, index: 2, context: contexts.camera, descriptor: false };
    slots.handle({ kind: "expect", slot: receiving, expectation });
    void slots.run({ kind: "receive", slot: receiving }, receiver.transformer);
    void sender.input.write(frame(new Uint8Array([1, 2, 3]), vp9, "key"));
    const sealed = content((await sender.output.read()).value ?? frame(new Uint8Array()));
    void receiver.input.write(frame(sealed, vp9, "key"));
    await receiver.output.read();
    slots.receiveKeys(await epochMessage(2));
    slots.tick();
    expect(sessions).toMatchObject([{ kind: "opened", newest: [{ epoch: 1 }] }]);
    now = 10_000;
    slots.tick();
    sessions = [];
    slots.tick();
    expect(sessions).toEqual([]);
    slots.unreadable();
    expect(sessions).toEqual([{ kind: "unreadable" }]);
  });
});
