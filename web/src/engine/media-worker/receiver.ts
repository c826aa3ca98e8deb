import { open } from "../sframe/aead.ts";
import { decodeHeader, type Header } from "../sframe/header.ts";
import { decodeInner, type Inner } from "../sframe/inner.ts";
import { isAudio, splitKid } from "../sframe/kid.ts";
import { wrapperFor } from "../sframe/wrapper.ts";
import type { Counts } from "./counts.ts";
import type { EncodedFrame } from "./frame.ts";
import type { Keys, Opening } from "./keys.ts";
import type { Expectation } from "./messages.ts";

/** How long a frame waits for its key; docs/protocol.md section 4. */
export const holdMs = 300;

/** What a receiver tells its surroundings. */
export interface ReceiverEvents {
  /** The first frame under an assignment has opened. */
  first(assignment: number, rtpTimestamp: number | undefined): void;
  /** Frames were lost here that the decoder will miss: a key frame is needed. */
  keyFrameNeeded(): void;
}

/** Opens the frames of one slot and refuses all that were not announced for it. */
export class Receiver {
  readonly #keys: Keys;
  readonly #counts: Counts;
  readonly #events: ReceiverEvents;
  readonly #now: () => number;
  #expectation: Expectation | undefined;
  #announced = false;
  #broken = false;

  constructor(keys: Keys, counts: Counts, events: ReceiverEvents, now: () => number) {
    this.#keys = keys;
    this.#counts = counts;
    this.#events = events;
    this.#now = now;
  }

  /** The number of the present assignment; 0 before the first. */
  get assignment(): number {
    return this.#expectation?.assignment ?? 0;
  }

  /** Says what the slot carries from now on; undefined: nothing, every frame is refused. */
  expect(expectation: Expectation | undefined): void {
    this.#expectation = expectation;
    this.#announced = false;
  }

  /**
   * Opens frame in place; arrivedAt says since when it is here. Returns true
   * if it may be handed to the decoder. Never throws.
   */
  async open(frame: EncodedFrame, arrivedAt: number): Promise<boolean> {
    try {
      const context = this.#expectation?.context;
      if (context !== undefined && isAudio(context) && frame.data.byteLength === 0) {
        this.#counts.pass(0);
        return true;
      }
      const opened = await this.#open(frame, arrivedAt);
      if (opened !== undefined) {
        this.#deliver(frame, opened);
        return true;
      }
    } catch {
      this.#counts.dropped++;
    }
    return false;
  }

  async #open(frame: EncodedFrame, arrivedAt: number): Promise<Inner | undefined> {
    const metadata = frame.getMetadata();
    const sealed = wrapperFor(metadata.mimeType ?? "")?.unwrap(new Uint8Array(frame.data));
    const header = sealed === undefined ? undefined : decodeHeader(sealed);
    if (sealed === undefined || header === undefined) {
      this.#counts.dropped++;
      return undefined;
    }
    if (!this.#isExpected(header)) {
      this.#counts.refused++;
      return undefined;
    }
    const opening = await this.#find(header, arrivedAt);
    if (opening === undefined) {
      this.#counts.noKey++;
      this.#broken = true;
      return undefined;
    }
    if (!opening.window.admits(header.ctr)) {
      this.#counts.replays++;
      return undefined;
    }
    const { generation } = this.#keys;
    const plaintext = await open(opening.key, sealed);
    if (generation !== this.#keys.generation) {
      this.#counts.noKey++;
      this.#broken = true;
      return undefined;
    }
    return this.#check(plaintext, opening, header, metadata);
  }

  /** Looks up the key of a frame, and waits for it until the frame has been here for 300 ms. */
  async #find({ kid }: Header, arrivedAt: number): Promise<Opening | undefined> {
    let opening = this.#keys.opening(kid);
    if (opening !== undefined) {
      return opening;
    }
    this.#counts.held++;
    for (;;) {
      const left = arrivedAt + holdMs - this.#now();
      if (opening !== undefined || left <= 0) {
        return opening;
      }
      await this.#keys.changed(left);
      opening = this.#keys.opening(kid);
    }
  }

  #check(
    plaintext: Uint8Array<ArrayBuffer> | undefined,
    opening: Opening,
    header: Header,
    metadata: { readonly spatialIndex?: number; readonly temporalIndex?: number },
  ): Inner | undefined {
    if (plaintext === undefined) {
      this.#counts.errors++;
      this.#broken = true;
      return undefined;
    }
    // Another frame with this counter may have been opened meanwhile, or the slot given to somebody else.
    if (!opening.window.accept(header.ctr)) {
      this.#counts.replays++;
      return undefined;
    }
    const inner = decodeInner(plaintext);
    const expectation = this.#expectation;
    if (inner === undefined || expectation === undefined || !this.#isExpected(header)) {
      this.#counts.refused++;
      return undefined;
    }
    const sameLayer =
      !expectation.descriptor ||
      (inner.spatial === (metadata.spatialIndex ?? 0) && inner.temporal === (metadata.temporalIndex ?? 0));
    if (inner.kind !== expectation.context || !sameLayer) {
      this.#counts.refused++;
      return undefined;
    }
    return inner;
  }

  #deliver(frame: EncodedFrame, inner: Inner): void {
    frame.data = inner.bitstream.buffer;
    this.#counts.opened++;
    this.#counts.pass(inner.bitstream.length);
    this.#counts.see(inner.spatial, inner.temporal);
    if (!this.#announced) {
      this.#announced = true;
      this.#events.first(this.assignment, frame.getMetadata().rtpTimestamp);
    }
    if (frame.type === "key") {
      this.#broken = false;
    } else if (this.#broken && frame.type === "delta") {
      this.#events.keyFrameNeeded();
    }
  }

  /** Reports whether the KID is one of the sender and stream that this slot was announced with. */
  #isExpected({ kid }: Header): boolean {
    const parts = splitKid(kid);
    const expectation = this.#expectation;
    return (
      parts !== undefined &&
      expectation !== undefined &&
      parts.index === expectation.index &&
      parts.context === expectation.context
    );
  }
}
