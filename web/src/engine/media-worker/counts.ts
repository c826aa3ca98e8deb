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

  readonly #slot: SlotId;
  #highest: SlotCounts["layer"];
  #highestBefore: SlotCounts["layer"];

  constructor(slot: SlotId) {
    this.#slot = slot;
  }

  /** Counts a frame that is handed on. */
  pass(bytes: number): void {
    this.passed++;
    this.passedBytes += bytes;
  }

  /** Notes the layer of a frame. */
  see(spatial: number, temporal: number): void {
    this.#highest = higher(this.#highest, { spatial, temporal });
  }

  /** Begins a new window for the highest layer; called four times a second. */
  turn(): void {
    this.#highestBefore = this.#highest;
    this.#highest = undefined;
  }

  /** A copy to post. The layer is the highest of this window and the last: a picture has frames of all layers. */
  snapshot(assignment: number): SlotCounts {
    const { passed, passedBytes, sealed, opened, errors, replays, refused, held, noKey, dropped } =
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
      layer: higher(this.#highest, this.#highestBefore),
    };
  }
}

/** The highest spatial layer, and of it the highest temporal one. */
function higher(a: SlotCounts["layer"], b: SlotCounts["layer"]): SlotCounts["layer"] {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.spatial !== b.spatial) return a.spatial > b.spatial ? a : b;
  return a.temporal >= b.temporal ? a : b;
}
