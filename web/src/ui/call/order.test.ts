import { describe, expect, it } from "vitest";
import { TileOrder } from "./order.ts";
import { testTile } from "./testing.ts";

const self = testTile("self", { kind: "self" });
const people = (count: number, speaking?: string): ReturnType<typeof testTile>[] =>
  Array.from({ length: count }, (_, i) => testTile(`${i}`, { speaking: `${i}` === speaking }));

describe("TileOrder", () => {
  it("puts the own picture last on the first page", () => {
    expect(new TileOrder().update([self, ...people(3)], 9, undefined, 0)).toEqual(["0", "1", "2", "self"]);
    expect(new TileOrder().update([self, ...people(5)], 4, undefined, 0)).toEqual([
      "0",
      "1",
      "2",
      "self",
      "3",
      "4",
    ]);
  });

  it("stays as it is while people speak on the page", () => {
    const order = new TileOrder();
    const before = order.update([self, ...people(4)], 9, undefined, 0);
    expect(order.update([self, ...people(4, "3")], 9, undefined, 5000)).toEqual(before);
  });

  it("brings in a speaker from off the page for whoever was silent longest", () => {
    const order = new TileOrder();
    order.update([self, ...people(6, "0")], 4, undefined, 0);
    order.update([self, ...people(6, "1")], 4, undefined, 10);
    expect(order.update([self, ...people(6, "5")], 4, undefined, 2000).slice(0, 4)).toEqual([
      "0",
      "1",
      "5",
      "self",
    ]);
  });

  it("changes places at most once a second", () => {
    const order = new TileOrder();
    order.update([self, ...people(6)], 4, undefined, 0);
    const first = order.update([self, ...people(6, "5")], 4, undefined, 2000);
    expect(order.update([self, ...people(6, "4")], 4, undefined, 2500)).toEqual(first);
    expect(order.update([self, ...people(6, "4")], 4, undefined, 3100)).not.toEqual(first);
  });

  it("keeps a pinned tile on the first page", () => {
    expect(new TileOrder().update([self, ...people(6)], 4, "5", 0).slice(0, 4)).toContain("5");
  });

  it("forgets who has left and puts a shared screen first", () => {
    const order = new TileOrder();
    order.update([self, ...people(3)], 9, undefined, 0);
    const screen = testTile("1/screen", { kind: "screen" });
    expect(order.update([self, ...people(2), screen], 9, undefined, 1)).toEqual([
      "1/screen",
      "0",
      "1",
      "self",
    ]);
  });
});
