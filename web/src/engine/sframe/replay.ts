/** How far behind the newest counter a frame may be; docs/protocol.md section 4. */
export const replayWindowSize = 1024;

/**
 * Remembers which counters of one key were seen (RFC 9605, Section 9.3). A
 * counter is accepted once, and only if it is above the floor and not more
 * than {@link replayWindowSize} behind the newest.
 */
export class ReplayWindow {
  // One bit for each of the last 1024 counters, at position counter mod 1024.
  readonly #seen = new Uint32Array(replayWindowSize / 32);
  readonly #floor: bigint;
  #newest = -1n;

  /** Refuses every counter below floor: those that an earlier worker has opened. */
  constructor(floor = 0n) {
    this.#floor = floor;
  }

  /** The newest counter accepted; -1 before the first. */
  get newest(): bigint {
    return this.#newest;
  }

  /** Reports whether ctr could still be accepted. Changes nothing. */
  admits(ctr: bigint): boolean {
    if (ctr < this.#floor || ctr <= this.#newest - BigInt(replayWindowSize)) {
      return false;
    }
    return ctr > this.#newest || !this.#has(ctr);
  }

  /** Marks ctr as seen; false if it may not be accepted. Call it once the frame has opened. */
  accept(ctr: bigint): boolean {
    if (!this.admits(ctr)) {
      return false;
    }
    if (ctr > this.#newest) {
      this.#advance(ctr);
    }
    const bit = position(ctr);
    this.#seen[bit >> 5] = (this.#seen[bit >> 5] ?? 0) | (1 << (bit & 31));
    return true;
  }

  #has(ctr: bigint): boolean {
    const bit = position(ctr);
    return ((this.#seen[bit >> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  /** Clears the positions of the counters between the newest and ctr. */
  #advance(ctr: bigint): void {
    if (ctr - this.#newest >= BigInt(replayWindowSize)) {
      this.#seen.fill(0);
    } else {
      for (let next = this.#newest + 1n; next <= ctr; next++) {
        const bit = position(next);
        this.#seen[bit >> 5] = (this.#seen[bit >> 5] ?? 0) & ~(1 << (bit & 31));
      }
    }
    this.#newest = ctr;
  }
}

function position(ctr: bigint): number {
  return Number(ctr % BigInt(replayWindowSize));
}
