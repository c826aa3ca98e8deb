import { Counts } from "./counts.ts";
import type { EncodedFrame } from "./frame.ts";
import { Keys } from "./keys.ts";
import type {
  Expectation,
  FromMedia,
  KeyMessage,
  KeyRequest,
  SlotCounts,
  SlotId,
  SlotOptions,
  ToMedia,
} from "./messages.ts";
import { FrameQueue } from "./queue.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import { throttled } from "./throttle.ts";

/** Key frames are asked for at most this often; they cost several times a delta frame. */
const keyFrameIntervalMs = 500;

/** Frames of one slot that may wait: 300 ms of nine layers at 30 pictures a second, and some. */
const maxWaiting = 128;

/** An RTCRtpScriptTransformer, as far as it is used here. */
export interface Transformer {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

/** Where a media worker's news go, and its clock. */
export interface Surroundings {
  toPage(message: FromMedia): void;
  toSession(request: KeyRequest): void;
  now(): number;
}

interface Slot {
  readonly counts: Counts;
  snapshot(): SlotCounts;
  /** Only of slots that receive. */
  readonly receiver?: Receiver;
  /** Only of slots that send pictures. */
  readonly keyFrame?: () => void;
}

/** A slot and what keeps its frames moving. */
interface Run {
  readonly slot: Slot;
  pump(): Promise<void>;
}

/** All transforms of one media worker, and the keys they share. */
export class Slots {
  readonly #keys: Keys;
  readonly #out: Surroundings;
  readonly #slots = new Map<SlotId, Slot>();
  /** What each slot may carry; it may be known before its transform has begun. */
  readonly #expectations = new Map<SlotId, Expectation>();

  constructor(out: Surroundings) {
    this.#out = out;
    this.#keys = new Keys((request) => out.toSession(request), out.now);
  }

  /** Carries out what the page asks, the port for keys excepted. */
  handle(message: Exclude<ToMedia, { kind: "keys-from" }>): void {
    switch (message.kind) {
      case "expect":
        this.#expectations.set(message.slot, message.expectation);
        this.#slots.get(message.slot)?.receiver?.expect(message.expectation);
        return;
      case "idle":
        this.#expectations.delete(message.slot);
        this.#slots.get(message.slot)?.receiver?.expect(undefined);
        return;
      case "count":
        this.report(message.request);
        return;
      default:
        unreachable(message);
    }
  }

  /** Takes keys. When someone joined, every sender of pictures makes a key frame for them. */
  receiveKeys(message: KeyMessage): void {
    if (this.#keys.receive(message)) {
      for (const slot of this.#slots.values()) {
        slot.keyFrame?.();
      }
    }
  }

  /** A message of the session worker could not be read. It may have had new keys, so those held may be old. */
  unreadable(): void {
    this.#keys.drop();
    this.#out.toSession({ kind: "unreadable" });
  }

  /** What is done four times a second. */
  tick(): void {
    this.report(undefined);
    this.reportOpened();
    this.#keys.expire();
  }

  /** Posts all counts; request says which question they answer. */
  report(request: number | undefined): void {
    const slots = Array.from(this.#slots.values(), (slot) => slot.snapshot());
    this.#out.toPage({ kind: "counts", request, slots });
    if (request !== undefined) return;
    for (const { counts } of this.#slots.values()) counts.turn();
  }

  /** Tells the session worker how far each key was used. */
  reportOpened(): void {
    const newest = this.#keys.opened();
    if (newest.length > 0) {
      this.#out.toSession({ kind: "opened", newest });
    }
  }

  /** Runs a new transform until its streams end. It takes the place of an older one of the same name. */
  async run(options: SlotOptions, transformer: Transformer): Promise<void> {
    const { slot, pump } =
      options.kind === "send"
        ? this.#sending(options, transformer)
        : this.#receiving(options.slot, transformer);
    // News for this name do not reach the older one any more: it opens nothing from now on.
    this.#slots.get(options.slot)?.receiver?.expect(undefined);
    this.#slots.set(options.slot, slot);
    try {
      await pump();
    } catch {
      // The streams of a stopped transceiver end in an error. Nothing passes any more.
    } finally {
      if (this.#slots.get(options.slot) === slot) {
        this.#slots.delete(options.slot);
      }
    }
  }

  #sending(options: Extract<SlotOptions, { kind: "send" }>, transformer: Transformer): Run {
    const counts = new Counts(options.slot);
    const sender = new Sender(options.context, this.#keys, counts);
    const keyFrame = throttled(() => void ignored(transformer.generateKeyFrame?.()), keyFrameIntervalMs);
    const pump = async (): Promise<void> => {
      const writer = transformer.writable.getWriter();
      for await (const frame of frames(transformer.readable)) {
        if (await sender.seal(frame)) {
          await writer.write(frame);
        }
      }
    };
    return { slot: { counts, snapshot: () => counts.snapshot(0), keyFrame }, pump };
  }

  #receiving(name: SlotId, transformer: Transformer): Run {
    const counts = new Counts(name);
    const keyFrameNeeded = throttled(
      () => void ignored(transformer.sendKeyFrameRequest?.()),
      keyFrameIntervalMs,
    );
    const first = (assignment: number, rtpTimestamp: number | undefined): void =>
      this.#out.toPage({ kind: "first", slot: name, assignment, rtpTimestamp });
    const receiver = new Receiver(this.#keys, counts, { first, keyFrameNeeded }, this.#out.now);
    receiver.expect(this.#expectations.get(name));
    const snapshot = (): SlotCounts => counts.snapshot(receiver.assignment);
    return {
      slot: { counts, snapshot, receiver },
      pump: () => this.#receive(transformer, receiver, counts),
    };
  }

  async #receive(transformer: Transformer, receiver: Receiver, counts: Counts): Promise<void> {
    const queue = new FrameQueue<{ frame: EncodedFrame; arrivedAt: number }>(maxWaiting);
    const opening = this.#open(queue, receiver, transformer.writable.getWriter());
    try {
      for await (const frame of frames(transformer.readable)) {
        if (queue.push({ frame, arrivedAt: this.#out.now() })) {
          counts.dropped++;
        }
      }
    } finally {
      queue.close();
    }
    await opening;
  }

  /** Opens the waiting frames one after the other, so that their order stays. */
  async #open(
    queue: FrameQueue<{ frame: EncodedFrame; arrivedAt: number }>,
    receiver: Receiver,
    writer: WritableStreamDefaultWriter<EncodedFrame>,
  ): Promise<void> {
    for (let next = await queue.take(); next !== undefined; next = await queue.take()) {
      if (await receiver.open(next.frame, next.arrivedAt)) {
        await writer.write(next.frame);
      }
    }
  }
}

/** The chunks of a stream; not every browser can iterate over one itself. */
async function* frames(readable: ReadableStream<EncodedFrame>): AsyncGenerator<EncodedFrame> {
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    yield value;
  }
}

/** Key frame requests fail for transforms that are not running; nobody waits for them. */
async function ignored(request: Promise<unknown> | undefined): Promise<void> {
  try {
    await request;
  } catch {
    // See above.
  }
}

function unreachable(_value: never): never {
  throw new Error("media worker: internal error: unreachable");
}
