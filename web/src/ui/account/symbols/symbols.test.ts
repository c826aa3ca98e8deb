import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { drawingOf, symbolWords } from "./symbols.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const drawn = new Map(
  readdirSync(here)
    .filter((name) => name.endsWith(".svelte"))
    .flatMap((name) => [
      ...readFileSync(`${here}/${name}`, "utf8").matchAll(/<symbol id="(s-[a-z-]+)" viewBox="0 0 48 48">(.*?)<\/symbol>/gsu),
    ])
    .map(([, id = "", shapes = ""]) => [id, shapes]),
);
const plates = ["#f3efe6", "#262b30"]; // light and dark, as compare.css has them

/** WCAG 2.2, "contrast ratio" and "relative luminance". */
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].toSorted((p, q) => q - p);
  return ((x ?? 0) + 0.05) / ((y ?? 0) + 0.05);
}
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return c <= 0.040_45 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe("the symbols to compare", () => {
  it("are 64, each drawn once", () => {
    expect(symbolWords).toHaveLength(64);
    expect(new Set(symbolWords).size).toBe(64);
    expect([...drawn.keys()].toSorted()).toEqual(symbolWords.map((_, i) => drawingOf(i)).toSorted());
  });

  it("have the order of the protocol", () => {
    const go = readFileSync(`${here}/../../../../../core/account/emoji.go`, "utf8");
    const names = [...(/EmojiNames = \[.*?\]string\{(.*?)\n\}/su.exec(go)?.[1] ?? "").matchAll(/"([a-z -]+)"/gu)];
    expect(names.map(([, name = ""]) => `symbol.${name.replaceAll(" ", "-")}`)).toEqual([...symbolWords]);
  });

  it("have 3:1 to the plate of both themes in one of their colours at least", () => {
    for (const [id, shapes] of drawn) {
      const colours = [...new Set(shapes.match(/#[0-9a-f]{6}/gu))];
      const clear = colours.filter((colour) => plates.every((plate) => contrast(colour, plate) >= 3));
      expect(clear.length, id).toBeGreaterThan(0);
    }
  });

  it("stand in for a number out of range by the first, and never by nothing", () => {
    expect(drawingOf(64)).toBe("s-umbrella");
    expect(drawingOf(63)).toBe("s-sun");
  });
});
