import type { SlotCounts, SlotId } from "./messages.ts";

type Numbers = Omit<SlotCounts, "slot" | "assignment" | "layer">;

/** The figures of one slot, while they are counted. */
export class Counts implements Numbers {
  passed = 0;
  passedBytes = 0;
  sealed = 0;
  opened = 0;
  errors = 0;
  replays = 0;
  refused = 0;
  held = 0;
  noKey = 0;
  dropped = 0;
  layer: SlotCounts["layer"];

  readonly #slot: SlotId;

  constructor(slot: SlotId) {
    this.#slot = slot;
  }

  /** Counts a frame that is handed on. */
  pass(bytes: number): void {
    this.passed++;
    this.passedBytes += bytes;
  }

  /** A copy to post. */
  snapshot(assignment: number): SlotCounts {
    const { passed, passedBytes, sealed, opened, errors, replays, refused, held, noKey, dropped, layer } =
      this;
    return {
      slot: this.#slot,
      assignment,
      passed,
      passedBytes,
      sealed,
      opened,
      errors,
      replays,
      refused,
      held,
      noKey,
      dropped,
      layer,
    };
  }
}
