import { describe, expect, it } from "vitest";
import type { ChatMessage } from "../../engine/types.ts";
import { runsOf } from "./chat-runs.ts";
import { updateHands } from "./hands.ts";
import { keyChange, whyKeyChanged } from "./keychange.ts";
import { testMember } from "./testing.ts";

const [ada, grace, kofi] = [
  testMember(0, "Ada", { you: true }),
  testMember(1, "Grace"),
  testMember(2, "Kofi"),
];

describe("keyChange", () => {
  it("says who came and who left with the new key", () => {
    expect(whyKeyChanged(keyChange(5, 0, [ada, grace], [ada, grace, kofi]))).toBe("Kofi joined");
    expect(whyKeyChanged(keyChange(6, 0, [ada, grace, kofi], [ada]))).toBe("Grace and Kofi left");
    expect(whyKeyChanged(keyChange(7, 0, [ada, grace], [ada, kofi]))).toBe("Kofi joined, Grace left");
    expect(whyKeyChanged(keyChange(8, 0, [ada], [ada]))).toBe("renewed");
  });
  it("tells a beginning from entering what goes on already", () => {
    expect(whyKeyChanged(keyChange(1, 0, undefined, [ada]))).toBe("the call began");
    expect(whyKeyChanged(keyChange(9, 0, undefined, [ada, grace]))).toBe("you joined");
  });
  it("knows a device by its fingerprint, not by its name or place", () => {
    const other = { ...grace, device: "ffffffffffffffff" };
    expect(keyChange(2, 0, [ada, grace], [ada, other])).toMatchObject({ joined: ["Grace"], left: ["Grace"] });
  });
});

describe("updateHands", () => {
  it("keeps the order in which hands went up", () => {
    const up = (...who: (typeof ada)[]): (typeof ada)[] =>
      [ada, grace, kofi].map((m) => ({ ...m, hand: who.some((w) => w.index === m.index) }));
    const first = updateHands([], up(kofi), 10);
    const second = updateHands(first, up(kofi, grace), 20);
    expect(second.map((h) => h.member)).toEqual([kofi.index, grace.index]);
    expect(updateHands(second, up(grace), 30)).toEqual([{ member: grace.index, since: 20 }]);
    expect(updateHands(second, up(kofi, grace), 40)).toBe(second);
  });
});

describe("runsOf", () => {
  const said = (name: string, sentAt: number): ChatMessage => ({
    id: `${name}${sentAt}`,
    index: undefined,
    name,
    text: "",
    sentAt,
    you: false,
    delivery: "sent",
  });
  it("shares the name within five minutes of the same person", () => {
    const runs = runsOf([
      said("Mei", 0),
      said("Mei", 60_000),
      said("Lin", 61_000),
      said("Mei", 62_000),
      said("Mei", 400_000),
    ]);
    expect(runs.map((r) => r.continued)).toEqual([false, true, false, false, false]);
  });
});
