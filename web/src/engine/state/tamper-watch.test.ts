import { describe, expect, test } from "vitest";
import { type SlotCounts, slotId } from "../media-worker/messages.ts";
import { TamperWatch } from "./tamper-watch.ts";

const slot = slotId("receive", 1, "0");

function at(watch: TamperWatch, now: number, figures: Partial<SlotCounts>): number {
  const counts = { errors: 0, replays: 0, ...figures } as SlotCounts;
  return watch.update(new Map([[slot, counts]]), now).length;
}

describe("TamperWatch", () => {
  test.each([
    ["a few frames that do not open", { errors: 4 }, 0],
    ["many frames that do not open", { errors: 5 }, 1],
    ["some replays", { replays: 99 }, 0],
    ["many replays", { replays: 100 }, 1],
  ])("%s within ten seconds", (_name, figures, want) => {
    const watch = new TamperWatch();
    at(watch, 0, {});
    expect(at(watch, 9000, figures)).toBe(want);
  });

  test("single errors over a long time are no alarm", () => {
    const watch = new TamperWatch();
    let alarms = 0;
    for (let minute = 0; minute < 60; minute++) {
      alarms += at(watch, minute * 60_000, { errors: minute });
    }
    expect(alarms).toBe(0);
  });

  test("goes on noticing", () => {
    const watch = new TamperWatch();
    at(watch, 0, {});
    expect(at(watch, 500, { errors: 7 })).toBe(1);
    expect(at(watch, 1000, { errors: 8 })).toBe(0);
    expect(at(watch, 1500, { errors: 13 })).toBe(1);
  });
});
