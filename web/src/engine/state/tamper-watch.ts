import type { SlotCounts, SlotId } from "../media-worker/messages.ts";

// One frame that does not open may be a fault of somebody's device; these many
// within the time are an attempt. Replays are quieter, because packets that
// are sent again by an honest server can look like them.
const manyErrors = 5;
const manyReplays = 100;
const withinMs = 10_000;

interface Mark {
  readonly at: number;
  readonly errors: number;
  readonly replays: number;
}

/** Notices when frames of a stream were changed or sent again on the way. */
export class TamperWatch {
  readonly #marks = new Map<SlotId, Mark>();

  /** Takes the counts of now and returns the slots on which something was tampered with since. */
  update(counts: ReadonlyMap<SlotId, SlotCounts>, now: number): SlotId[] {
    const found: SlotId[] = [];
    for (const [slot, { errors, replays }] of counts) {
      const mark = this.#marks.get(slot);
      const many =
        mark !== undefined && (errors - mark.errors >= manyErrors || replays - mark.replays >= manyReplays);
      if (many) {
        found.push(slot);
      }
      if (mark === undefined || many || now - mark.at >= withinMs) {
        this.#marks.set(slot, { at: now, errors, replays });
      }
    }
    return found;
  }
}
