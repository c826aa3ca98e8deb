import { describe, expect, it } from "vitest";
import type { Tile } from "../../engine/types.ts";
import { Floor } from "./floor.ts";
import { shownTiles } from "./shown.ts";
import { planStage, type StageWish } from "./stage.ts";
import { testMember, testTile } from "./testing.ts";

const you = testMember(0, "Ada").index;
const self = testTile("self", { kind: "self", member: you });
const area = { w: 1256, h: 672, gap: 10 };
const wish: StageWish = {
  layout: "grid",
  form: "desktop",
  strip: true,
  pinned: undefined,
  floor: undefined,
  page: 0,
  corner: "bottom-end",
  you,
};
const others = (count: number): Tile[] => Array.from({ length: count }, (_, i) => testTile(`${i}`));
const screen = testTile("1/screen", { kind: "screen", member: testMember(1, "Grace").index });

describe("planStage", () => {
  it("shows the own picture in a corner when nobody else is there", () => {
    expect(planStage([self], wish, area)).toMatchObject({ mode: "alone", placed: [{ role: "corner" }] });
  });

  it("gives the stage to the other of two", () => {
    const plan = planStage([testTile("0"), self], wish, area);
    expect(plan.mode).toBe("pair");
    expect(plan.placed.map((p) => p.role)).toEqual(["large", "corner"]);
  });

  it("draws at most nine a page and goes on to the next", () => {
    const tiles = [...others(14), self];
    expect(planStage(tiles, wish, area)).toMatchObject({ page: 0, pages: 2 });
    expect(planStage(tiles, wish, area).placed).toHaveLength(9);
    expect(planStage(tiles, { ...wish, page: 1 }, area).placed).toHaveLength(6);
    expect(planStage(tiles, { ...wish, page: 7 }, area).page).toBe(1);
    expect(planStage(tiles, { ...wish, form: "tablet" }, area).placed).toHaveLength(6);
  });

  it("makes a screen of another large, unless something is pinned", () => {
    const large = (w: Partial<StageWish>, tiles: Tile[]): string | undefined =>
      planStage(tiles, { ...wish, layout: "speaker", ...w }, area).placed.find((p) => p.role === "large")
        ?.tile.id;
    expect(large({ floor: "2" }, [screen, ...others(3), self])).toBe("1/screen");
    expect(large({ pinned: "2" }, [screen, ...others(3), self])).toBe("2");
    expect(large({ floor: "2" }, [...others(3), self])).toBe("2");
    expect(large({}, [{ ...screen, member: you }, ...others(3), self])).toBe("0");
  });

  it("leaves the strip out when it is switched off", () => {
    expect(
      planStage([...others(4), self], { ...wish, layout: "speaker", strip: false }, area).placed,
    ).toHaveLength(1);
  });

  it("shows five on a phone held upright", () => {
    const plan = planStage([...others(8), self], { ...wish, form: "phone" }, { w: 374, h: 660, gap: 8 });
    expect(plan.mode).toBe("phone");
    expect(plan.placed).toHaveLength(5);
    expect(plan.pages).toBe(2);
  });
});

describe("shownTiles", () => {
  it("asks in device pixels, for others only, screens first and the large one next", () => {
    const plan = planStage([screen, ...others(2), self], { ...wish, layout: "speaker" }, area);
    expect(shownTiles(plan.placed, 2)).toEqual([
      { id: "1/screen", width: 2512, height: 1124, priority: 3 },
      { id: "0", width: 354, height: 200, priority: 1 },
      { id: "1", width: 354, height: 200, priority: 1 },
    ]);
  });
});

describe("Floor", () => {
  it("stays with whoever spoke last and moves at most once a second", () => {
    const floor = new Floor();
    const speaks = (id: string): Tile[] => others(3).map((tile) => ({ ...tile, speaking: tile.id === id }));
    expect(floor.update(others(3), 0)).toBeUndefined();
    expect(floor.update(speaks("1"), 100)).toBe("1");
    expect(floor.update(speaks("2"), 600)).toBe("1");
    expect(floor.update(speaks("2"), 1200)).toBe("2");
    expect(floor.update(others(3), 9000)).toBe("2");
    expect(floor.update(others(2), 9100)).toBeUndefined();
  });
});
