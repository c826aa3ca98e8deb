import { describe, expect, it } from "vitest";
import { commandOf, type Place, type Pressed } from "./keymap.ts";

const free: Place = { typing: false, onControl: false, singleKeys: true };
const press = (key: string, part: Partial<Pressed> = {}, place: Partial<Place> = {}): string | undefined =>
  commandOf(
    { key, ctrl: false, shift: false, alt: false, meta: false, repeat: false, ...part },
    { ...free, ...place },
  )?.kind;

describe("commandOf", () => {
  it.each([
    ["m", "mic"],
    ["v", "camera"],
    ["d", "share"],
    ["r", "hand"],
    ["c", "chat"],
    ["p", "people"],
    ["w", "layout"],
    ["f", "strip"],
    ["i", "shield"],
    ["s", "full"],
    ["t", "figures"],
    ["1", "pin"],
    ["9", "pin"],
    ["0", "unpin"],
    [" ", "talk"],
  ])("%s is %s", (key, kind) => expect(press(key)).toBe(kind));

  it("takes capital letters of a locked keyboard, and the question mark with Shift", () => {
    expect(press("M")).toBe("mic");
    expect(press("?", { shift: true })).toBe("list");
    expect(press("C", { shift: true })).toBeUndefined();
  });

  it("leaves single keys to whoever types, and to nobody when they are switched off", () => {
    expect(press("m", {}, { typing: true })).toBeUndefined();
    expect(press("m", {}, { singleKeys: false })).toBeUndefined();
    expect(press(" ", {}, { onControl: true })).toBeUndefined();
  });

  it("always takes Ctrl+D, Ctrl+E, F6 and Esc", () => {
    const typing = { typing: true, singleKeys: false };
    expect(press("d", { ctrl: true }, typing)).toBe("mic");
    expect(press("e", { meta: true }, typing)).toBe("camera");
    expect(press("F6", { shift: true }, typing)).toBe("region");
    expect(press("Escape", {}, typing)).toBe("close");
  });

  it("leaves the browser its own, and does nothing again while a key is held", () => {
    expect(press("c", { ctrl: true })).toBeUndefined();
    expect(press("r", { meta: true })).toBeUndefined();
    expect(press("m", { repeat: true })).toBeUndefined();
    expect(press("d", { ctrl: true, shift: true })).toBeUndefined();
  });
});
