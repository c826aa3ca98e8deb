import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { account } from "./en-account.ts";
import { alarms } from "./en-alarms.ts";
import { call } from "./en-call.ts";
import { messages } from "./en-messages.ts";
import { pages } from "./en-pages.ts";
import { en } from "./en.ts";
import { fill, type Text } from "./text.ts";
import { ago, clock } from "./time.ts";
import { addLanguage, chooseLanguage, language, listNames, pieces, t, type Table } from "./words.svelte.ts";

afterEach(() => chooseLanguage("en"));

const all = Object.entries<Text>(en).flatMap(([id, text]) =>
  (typeof text === "string" ? [text] : Object.values(text)).map(
    (form): readonly [id: string, text: string] => [id, form],
  ),
);

describe("the table of words", () => {
  it("has no id in two parts", () => {
    const parts = [pages, call, account, alarms, messages].map((part) => Object.keys(part).length);
    expect(Object.keys(en)).toHaveLength(parts.reduce((a, b) => a + b));
  });

  it("says things plainly: no exclamation, no please, no blame, no protocol terms outside Details", () => {
    for (const [id, text] of all) {
      expect(text, id).not.toMatch(/!|\bplease\b|\boops\b|\bsorry\b|\binvalid\b|\billegal\b/iu);
      if (!id.startsWith("shield.")) expect(text, id).not.toMatch(/\bepoch\b|\bMLS\b|\bKID\b|\bSFrame\b/u);
    }
  });

  it("has no empty text and no slot that is not closed", () => {
    for (const [id, text] of all) {
      expect(text.trim(), id).not.toBe("");
      expect(text.replaceAll(/\{[a-z]+\}/gu, ""), id).not.toMatch(/[{}]/u);
    }
  });

  it("asks for the same slots in every form of a plural", () => {
    const slots = (text: string): string[] =>
      [...new Set(text.match(/\{[a-z]+\}/gu))].filter((s) => s !== "{count}").toSorted();
    for (const [id, text] of Object.entries(en)) {
      if (typeof text === "string") continue;
      for (const form of Object.values(text)) expect(slots(form), id).toEqual(slots(text.other));
    }
  });
});

describe("the ids", () => {
  it("are all used somewhere", () => {
    const src = fileURLToPath(new URL("..", import.meta.url));
    const used = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(svelte|ts)$/u.test(name) && !/(^|\/)en(-[a-z]+)?\.ts$|\.test\.ts$/u.test(name))
      .map((name) => readFileSync(`${src}/${name}`, "utf8"))
      .join("\n");
    expect(Object.keys(en).filter((id) => !used.includes(`"${id}"`) && !used.includes(`'${id}'`))).toEqual(
      [],
    );
  });
});

describe("t", () => {
  it("fills slots and chooses the form of a plural", () => {
    expect(t("tile.connecting", { name: "Lin" })).toBe("Connecting to Lin");
    expect(t("tile.away.seconds", { count: 1 })).toBe("Seat kept for 1 second.");
    expect(t("tile.away.seconds", { count: 8 })).toBe("Seat kept for 8 seconds.");
    expect(t("shield.only", { count: 6 })).toBe("Only the 6 people in this call can see, hear and read it.");
  });

  it("writes numbers as the language does", () => {
    expect(t("room-full", { count: 1500 })).toBe("The meeting is full (1,500 of 1,500).");
  });

  it("isolates a name written the other way, and only that", () => {
    expect(t("tile.connecting", { name: "نور" })).toBe("Connecting to \u2068نور\u2069");
  });

  it("takes names for text, never for a slot", () => {
    expect(t("say.chat", { name: "{text}", text: "hello" })).toBe("{text}: hello");
  });

  it("follows the chosen language, and leaves an unknown one alone", () => {
    const mirrored: Table = { ...en, "ctl.leave": "خروج" };
    addLanguage({ tag: "ar", name: "العربية", dir: "rtl", table: mirrored });
    chooseLanguage("ar");
    expect(t("ctl.leave")).toBe("خروج");
    chooseLanguage("xx");
    expect(language().tag).toBe("ar");
  });
});

describe("pieces", () => {
  it("keeps what was put into a slot apart from the sentence", () => {
    expect(pieces("tile.name.screen", { name: "<b>" })).toEqual([
      { slot: "name", text: "<b>" },
      { slot: undefined, text: "’s screen" },
    ]);
  });
  it("leaves a slot nobody filled visible", () => {
    expect(fill("a {b}", {})).toEqual([
      { slot: undefined, text: "a " },
      { slot: "b", text: "{b}" },
    ]);
  });
});

describe("listNames", () => {
  it("names up to four and counts the rest", () => {
    expect(listNames(["Mei"])).toBe("Mei");
    expect(listNames(["Mei", "Lin", "Kofi", "Ada"])).toBe("Mei, Lin, Kofi, and Ada");
    expect(listNames(["Mei", "Lin", "Kofi", "Ada", "Noor"])).toBe("Mei, Lin, Kofi, and 2 others");
  });
});

describe("time", () => {
  it("writes lengths as a clock", () => {
    expect(clock(0)).toBe("0:00");
    expect(clock(-5)).toBe("0:00");
    expect(clock(24 * 60_000 + 10_400)).toBe("24:10");
    expect(clock(3_723_000)).toBe("1:02:03");
  });
  it("says how long ago", () => {
    expect(ago(0, 3000)).toBe("just now");
    expect(ago(0, 42_000)).toBe("42 seconds ago");
    expect(ago(0, 125_000)).toBe("2 minutes ago");
    expect(ago(9000, 0)).toBe("just now");
  });
});
