import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Announcer } from "./announcer.svelte.ts";
import { Toasts } from "./call/toasts.svelte.ts";
import { faultOf, shortCode } from "./faults.ts";
import { parseInvite } from "./invite.ts";
import { initial, tint } from "./kit/tint.ts";
import { routeOf } from "./route.svelte.ts";

const origin = "https://meet.example.org";
const path = "/m/abcdefghij234567#AAAAAAAAAAAAAAAAAAAAAA";

describe("parseInvite", () => {
  it("takes a whole link, with or without its scheme and with space around", () => {
    expect(parseInvite(` ${origin}${path}\n`, origin)).toEqual({ kind: "meeting", path });
    expect(parseInvite(`meet.example.org${path}`, origin)).toEqual({ kind: "meeting", path });
  });
  it.each([
    ["", "empty"],
    ["   ", "empty"],
    ["hello", "wrong"],
    [`${origin}/m/abcdefghij234567`, "wrong"],
    [`${origin}/m/abcdefghij234567#short`, "wrong"],
    [`${origin}/m/ABC#AAAAAAAAAAAAAAAAAAAAAA`, "wrong"],
    [`https://other.example${path}`, "other-server"],
    [`http://meet.example.org${path}`, "other-server"],
    [`javascript:alert(1)//m/abcdefghij234567#AAAAAAAAAAAAAAAAAAAAAA`, "wrong"],
    [`${origin}${path}`.padEnd(5000, "A"), "wrong"],
    ["https://[", "wrong"],
  ])("%s is %s", (text, kind) => expect(parseInvite(text, origin).kind).toBe(kind));
});

describe("routeOf", () => {
  it("knows a meeting by its path", () => {
    expect(routeOf({ pathname: "/m/x", href: "https://h/m/x#s" })).toEqual({
      kind: "meeting",
      url: "https://h/m/x#s",
    });
    expect(routeOf({ pathname: "/", href: "https://h/" })).toEqual({ kind: "start" });
  });
});

describe("faultOf", () => {
  it("reads a known code and nothing else", () => {
    expect(faultOf({ code: "link-wrong", message: "x" })).toEqual({ code: "link-wrong", detail: "x" });
    expect(faultOf({ code: "<script>", message: 3 })).toEqual({ code: "unknown", detail: "" });
    expect(faultOf(undefined)).toEqual({ code: "unknown", detail: "" });
  });
  it("names a fault with four digits", () => {
    expect(shortCode("session worker")).toMatch(/^[0-9a-f]{4}$/u);
    expect(shortCode("a")).not.toBe(shortCode("b"));
  });
});

describe("avatars", () => {
  it("show the first letter, whatever the script, on the same tint each time", () => {
    expect(initial(" ada")).toBe("A");
    expect(initial("नूर")).toBe("नू");
    expect(initial("")).toBe("?");
    expect(tint("Grace")).toBe(tint("Grace"));
    expect(tint("Grace")).toMatch(/^t[1-7]$/u);
  });
});

describe("with a clock", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("gathers joins and leaves over three seconds", () => {
    const announcer = new Announcer();
    announcer.people(["Mei"], [], 5);
    vi.advanceTimersByTime(1000);
    announcer.people(["Lin"], [], 6);
    expect(announcer.polite).toEqual([]);
    vi.advanceTimersByTime(2000);
    expect(announcer.polite.map((s) => s.text)).toEqual(["Mei and Lin joined. 6 people."]);
  });

  it("says nothing of somebody who came and went within the time", () => {
    const announcer = new Announcer();
    announcer.people(["Mei"], [], 2);
    announcer.people([], ["Mei"], 1);
    vi.advanceTimersByTime(3000);
    expect(announcer.polite).toEqual([]);
  });

  it("reads one message in two seconds and counts the others", () => {
    const announcer = new Announcer();
    announcer.chat("Kofi", "Row four");
    for (let i = 0; i < 4; i++) announcer.chat("Mei", "yes");
    expect(announcer.polite.map((s) => s.text)).toEqual(["Kofi: Row four"]);
    vi.advanceTimersByTime(2000);
    expect(announcer.polite.map((s) => s.text)).toEqual(["Kofi: Row four", "4 new messages"]);
  });

  it("clears what has been read out", () => {
    const announcer = new Announcer();
    announcer.interrupt("Connection lost");
    vi.advanceTimersByTime(10_000);
    expect(announcer.assertive).toEqual([]);
  });

  it("shows one toast at a time for six seconds, one with an action until it is closed", () => {
    const toasts = new Toasts();
    toasts.show({ id: "a", icon: "info", word: "copy.done" });
    toasts.show({
      id: "b",
      icon: "info",
      word: "ghost",
      action: { word: "alarm.details", do: () => undefined },
    });
    expect(toasts.shown?.id).toBe("a");
    vi.advanceTimersByTime(6000);
    expect(toasts.shown?.id).toBe("b");
    vi.advanceTimersByTime(60_000);
    expect(toasts.shown?.id).toBe("b");
    expect(toasts.close()).toBe(true);
    expect(toasts.shown).toBeUndefined();
    expect(toasts.close()).toBe(false);
  });
});
