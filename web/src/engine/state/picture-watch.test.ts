import { describe, expect, test } from "vitest";
import { type SlotCounts, slotId } from "../media-worker/messages.ts";
import { PictureWatch } from "./picture-watch.ts";

const counts = (change: Partial<SlotCounts> = {}): SlotCounts => ({
  slot: slotId("receive", 1, "0"),
  assignment: 2,
  passed: 0,
  passedBytes: 0,
  sealed: 0,
  opened: 0,
  errors: 0,
  replays: 0,
  refused: 0,
  held: 0,
  noKey: 0,
  dropped: 0,
  layer: undefined,
  ...change,
});

describe("PictureWatch", () => {
  test("follows opened frames and their layer", () => {
    const watch = new PictureWatch(2, 0);
    watch.update(counts({ opened: 5 }), 500);
    expect(watch.condition().lastOpened).toBeUndefined();
    watch.update(counts({ opened: 9, layer: { spatial: 1, temporal: 2 } }), 1000);
    expect(watch.condition()).toMatchObject({ lastOpened: 1000, layer: { spatial: 1, temporal: 2 } });
  });

  test("counts of another assignment say nothing about this one", () => {
    const watch = new PictureWatch(2, 0);
    watch.update(counts({ assignment: 1, opened: 5 }), 500);
    watch.update(counts({ assignment: 2, opened: 9 }), 1000);
    expect(watch.condition().lastOpened).toBeUndefined();
    watch.update(counts({ assignment: 2, opened: 10 }), 1500);
    expect(watch.condition().lastOpened).toBe(1500);
  });

  test.each([
    ["no key", "noKey", "noKeySince"],
    ["refused", "errors", "refusedSince"],
  ] as const)("%s lasts until a frame opens", (_name, count, since) => {
    const watch = new PictureWatch(2, 0);
    watch.update(counts(), 0);
    watch.update(counts({ [count]: 3 }), 500);
    watch.update(counts({ [count]: 6 }), 1000);
    expect(watch.condition()[since]).toBe(500);
    watch.update(counts({ [count]: 7, opened: 1 }), 1500);
    expect(watch.condition()[since]).toBeUndefined();
  });

  test("is revealed when told, not when a frame opens", () => {
    const watch = new PictureWatch(2, 0);
    watch.opened(10);
    expect(watch.condition()).toMatchObject({ revealed: false, lastOpened: 10 });
    watch.reveal();
    expect(watch.condition().revealed).toBe(true);
  });
});
