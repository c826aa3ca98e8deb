import type { Lease } from "./messages.ts";

/** A new lease is asked for when this many counters are left: over a minute of a key with every layer on. */
const lowWater = 16_384n;

/**
 * Hands out the counters of one KID, each once, over all layers, encodings
 * and transforms (RFC 9605, Section 9.1). The ranges come from the session
 * worker, which outlives this worker and never gives one twice.
 */
export class Counter {
  readonly #renew: () => void;
  #next: bigint;
  #end: bigint;
  #following: Lease | undefined;
  #asked = false;

  constructor(lease: Lease, renew: () => void) {
    this.#next = lease.next;
    this.#end = lease.end;
    this.#renew = renew;
  }

  /** The next counter; undefined when none is left, and then nothing may be sealed. */
  take(): bigint | undefined {
    if (this.#next >= this.#end && this.#following !== undefined) {
      this.#next = this.#following.next;
      this.#end = this.#following.end;
      this.#following = undefined;
    }
    this.#askInTime();
    return this.#next < this.#end ? this.#next++ : undefined;
  }

  /** Adds a range to go on with when the present one is used up. */
  extend(lease: Lease): void {
    this.#following = lease;
    this.#asked = false;
  }

  #askInTime(): void {
    if (!this.#asked && this.#following === undefined && this.#end - this.#next <= lowWater) {
      this.#asked = true;
      this.#renew();
    }
  }
}
