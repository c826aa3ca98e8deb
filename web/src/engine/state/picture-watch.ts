import type { SlotCounts } from "../media-worker/messages.ts";

/** How a picture comes along, as the media worker's counts tell it. */
export interface PictureCondition {
  /** Whether its own pictures are on the screen, and not those of whoever had the m-line before. */
  readonly revealed: boolean;
  /** When it was assigned to its m-line. */
  readonly since: number;
  /** When its last frame opened. */
  readonly lastOpened: number | undefined;
  /** Since when frames come whose key is missing, and none opens. */
  readonly noKeySince: number | undefined;
  /** Since when frames come that do not open although their key is there, and none opens. */
  readonly refusedSince: number | undefined;
  readonly layer: SlotCounts["layer"];
}

/** Follows one stream on one m-line through the counts. */
export class PictureWatch {
  readonly assignment: number;
  readonly #since: number;
  #revealed = false;
  #before: SlotCounts | undefined;
  #lastOpened: number | undefined;
  #noKeySince: number | undefined;
  #refusedSince: number | undefined;
  #layer: SlotCounts["layer"];

  constructor(assignment: number, now: number) {
    this.assignment = assignment;
    this.#since = now;
  }

  /** Its first frame has opened. */
  opened(now: number): void {
    this.#lastOpened = now;
    this.#noKeySince = undefined;
    this.#refusedSince = undefined;
  }

  /** Its pictures are on the screen. */
  reveal(): void {
    this.#revealed = true;
  }

  /** Takes the counts of its slot. Those of an earlier assignment only serve as the beginning. */
  update(counts: SlotCounts, now: number): void {
    const before = this.#before;
    this.#before = counts;
    if (
      before === undefined ||
      counts.assignment !== this.assignment ||
      before.assignment !== this.assignment
    ) {
      return;
    }
    if (counts.opened > before.opened) {
      this.opened(now);
      this.#layer = counts.layer;
      return;
    }
    if (counts.noKey > before.noKey) {
      this.#noKeySince ??= now;
    }
    if (counts.errors > before.errors) {
      this.#refusedSince ??= now;
    }
  }

  condition(): PictureCondition {
    return {
      revealed: this.#revealed,
      since: this.#since,
      lastOpened: this.#lastOpened,
      noKeySince: this.#noKeySince,
      refusedSince: this.#refusedSince,
      layer: this.#layer,
    };
  }
}
