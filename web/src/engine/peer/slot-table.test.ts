import { beforeEach, describe, expect, test } from "vitest";
import type { OutStream } from "../bridge.d.ts";
import { SlotTable } from "./slot-table.ts";

const stream = (id: number, index: number, kind: OutStream["kind"] = "camera"): OutStream => ({
  stream: id,
  seat: index + 10,
  index,
  kind,
  codec: "video/VP9",
  active: true,
});

describe("SlotTable", () => {
  let said: string[];
  let table: SlotTable;
  beforeEach(() => {
    said = [];
    table = new SlotTable({
      expect: (mid, { assignment, index, context, descriptor }) =>
        said.push(`${mid}: ${assignment} member ${index} context ${context}${descriptor ? " dd" : ""}`),
      idle: (mid) => said.push(`${mid}: idle`),
    });
  });

  test("announces a line when both its stream and the stream's member are known", () => {
    table.setSlots([{ mid: "0", stream: 7 }]);
    expect(said).toEqual([]);
    table.setStreams([stream(7, 3)]);
    expect(said).toEqual(["0: 1 member 3 context 1"]);
    expect(table.assignments()).toMatchObject([
      { mid: "0", stream: 7, index: 3, kind: "camera", reused: false },
    ]);
  });

  test("says nothing twice", () => {
    table.setStreams([stream(7, 3)]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    table.setStreams([stream(7, 3), stream(8, 4)]);
    expect(said).toHaveLength(1);
  });

  test("a line that carries somebody else is a new assignment", () => {
    table.setStreams([stream(7, 3), stream(8, 4, "screen")]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    table.setSlots([{ mid: "0", stream: 8 }]);
    expect(said).toEqual(["0: 1 member 3 context 1", "0: 2 member 4 context 2"]);
    expect(table.assignments()).toMatchObject([{ assignment: 2, reused: true }]);
  });

  test("a line that is not named any more, or whose stream has gone, is idle", () => {
    table.setStreams([stream(7, 3), stream(8, 4)]);
    table.setSlots([
      { mid: "0", stream: 7 },
      { mid: "1", stream: 8 },
    ]);
    said.length = 0;
    table.setSlots([{ mid: "1", stream: 8 }]);
    table.setStreams([stream(7, 3)]);
    expect(said).toEqual(["0: idle", "1: idle"]);
    expect(table.assignments()).toEqual([]);
  });

  test("a line that comes back after being idle is a new assignment", () => {
    table.setStreams([stream(7, 3)]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    table.setSlots([]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    expect(said).toEqual(["0: 1 member 3 context 1", "0: idle", "0: 2 member 3 context 1"]);
  });

  test("the descriptor is announced without a new assignment", () => {
    table.setStreams([stream(7, 3)]);
    table.setSlots([{ mid: "0", stream: 7 }]);
    table.setDescriptors(new Set(["0"]));
    expect(said.at(-1)).toBe("0: 1 member 3 context 1 dd");
  });
});
