import { describe, expect, it } from "vitest";
import type { Message } from "../../messages/types.ts";
import { merge, rowsOf } from "./rows.ts";

const noon = new Date(2026, 4, 5, 12).getTime();
const said = (id: string, from: string, minutes: number, more: Partial<Message> = {}): Message => ({
  id,
  seq: Number(id),
  from,
  name: from,
  sent: noon + minutes * 60_000,
  kind: "text",
  text: id,
  ...more,
});

describe("the lines of a conversation", () => {
  it("name a person once in a run of five minutes", () => {
    const rows = rowsOf([said("1", "g", 0), said("2", "g", 4), said("3", "g", 10), said("4", "k", 11)], undefined);
    expect(rows.map((r) => (r.kind === "message" ? r.continued : r.kind))).toEqual(["day", false, true, false, false]);
  });
  it("begin each day, and say once what is new", () => {
    const rows = rowsOf(
      [said("1", "g", 0), said("2", "me", 1, { own: true }), said("3", "g", 24 * 60), said("4", "g", 24 * 60 + 1)],
      1,
    );
    expect(rows.map((r) => r.kind)).toEqual(["day", "message", "message", "day", "new", "message", "message"]);
    expect(rows[4]).toMatchObject({ count: 2 });
  });
  it("count neither notices nor one’s own as new", () => {
    const rows = rowsOf([said("2", "g", 0, { kind: "notice" }), said("3", "me", 1, { own: true })], 1);
    expect(rows.some((r) => r.kind === "new")).toBe(false);
  });
});

describe("a page read again", () => {
  const ids = (list: readonly Message[]): string => list.map((m) => m.id).join("");
  const old = ["1", "2", "3", "4"].map((id) => said(id, "g", 0));
  it("keeps what is older than it", () => {
    expect(ids(merge(old, [said("3", "g", 0), said("5", "g", 1)], true))).toBe("1235");
  });
  it("is all where nothing is older, and where it does not touch", () => {
    expect(ids(merge(old, [said("4", "g", 0)], false))).toBe("4");
    expect(ids(merge(old, [said("9", "g", 0)], true))).toBe("9");
  });
});
