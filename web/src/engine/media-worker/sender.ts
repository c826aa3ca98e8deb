import { seal } from "../sframe/aead.ts";
import { encodeInner } from "../sframe/inner.ts";
import { type Context, isAudio } from "../sframe/kid.ts";
import { wrapperFor } from "../sframe/wrapper.ts";
import type { Counts } from "./counts.ts";
import type { EncodedFrame } from "./frame.ts";
import type { Keys } from "./keys.ts";

/**
 * Seals the frames of one sender. It fails closed: whatever cannot be sealed
 * is dropped, and the only frames that pass as they are carry no bytes.
 */
export class Sender {
  readonly #context: Context;
  readonly #keys: Keys;
  readonly #counts: Counts;

  constructor(context: Context, keys: Keys, counts: Counts) {
    this.#context = context;
    this.#keys = keys;
    this.#counts = counts;
  }

  /**
   * Seals frame in place. Returns true if it may be handed to the packetiser
   * and false if it must be dropped. Never throws.
   */
  async seal(frame: EncodedFrame): Promise<boolean> {
    try {
      if (await this.#sealed(frame)) {
        this.#counts.pass(frame.data.byteLength);
        return true;
      }
    } catch {
      this.#counts.errors++;
    }
    return false;
  }

  async #sealed(frame: EncodedFrame): Promise<boolean> {
    if (isAudio(this.#context) && frame.data.byteLength === 0) {
      return true;
    }
    const metadata = frame.getMetadata();
    const wrapper = wrapperFor(metadata.mimeType ?? "");
    if (wrapper === undefined || frame.type === "empty" || frame.data.byteLength === 0) {
      this.#counts.dropped++;
      return false;
    }
    const { generation } = this.#keys;
    const sealing = this.#keys.sealing(this.#context);
    const ctr = sealing?.counter.take();
    if (sealing === undefined || ctr === undefined) {
      this.#counts.noKey++;
      return false;
    }
    const { spatialIndex = 0, temporalIndex = 0 } = metadata;
    const plaintext = encodeInner(this.#context, spatialIndex, temporalIndex, new Uint8Array(frame.data));
    const sealed = await seal(sealing.key, ctr, plaintext);
    if (generation !== this.#keys.generation) {
      this.#counts.noKey++;
      return false;
    }
    frame.data = wrapper.wrap(sealed, frame.type === "key").buffer;
    this.#counts.sealed++;
    this.#counts.see(spatialIndex, temporalIndex);
    return true;
  }
}
