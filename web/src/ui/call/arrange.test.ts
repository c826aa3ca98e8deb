import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cornerRect,
  gridRects,
  moveCorner,
  phoneRects,
  speakerRects,
  stripRoom,
  type Rect,
} from "./arrange.ts";

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

function expectInside(rects: readonly Rect[], w: number, h: number): void {
  for (const r of rects) {
    expect(r.x).toBeGreaterThanOrEqual(0);
    expect(r.y).toBeGreaterThanOrEqual(0);
    expect(r.x + r.w).toBeLessThanOrEqual(w + 1);
    expect(r.y + r.h).toBeLessThanOrEqual(h + 1);
  }
}

describe("gridRects", () => {
  it("draws two rows of three that fill a 1280 screen", () => {
    const rects = gridRects(6, { w: 1256, h: 672, gap: 10 }, 3);
    const [top, bottom] = [rects[0]?.y, rects[3]?.y];
    expect(rects.map((r) => r.y)).toEqual([top, top, top, bottom, bottom, bottom]);
    expect(rects[0]?.w).toBe(412);
    expect(rects[0]?.h).toBeGreaterThan(325);
  });

  it("keeps every tile inside, apart and in order, at any size", () => {
    const size = fc.integer({ min: 100, max: 2600 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), size, size, (count, w, h) => {
        const rects = gridRects(count, { w, h, gap: 10 }, 3);
        expect(rects).toHaveLength(count);
        expectInside(rects, w, h);
        rects.forEach((a, i) => rects.slice(i + 1).forEach((b) => expect(overlap(a, b)).toBe(false)));
        rects.slice(1).forEach((b, i) => {
          const a = rects[i];
          expect(a !== undefined && (b.y > a.y || (b.y === a.y && b.x > a.x))).toBe(true);
        });
      }),
    );
  });

  it("never makes a tile wider than 16:9 or narrower than 5:4", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 300, max: 2600 }),
        fc.integer({ min: 300, max: 1600 }),
        (count, w, h) => {
          for (const r of gridRects(count, { w, h, gap: 10 }, 3)) {
            expect(r.w / r.h).toBeLessThan(16 / 9 + 0.05);
            expect(r.w / r.h).toBeGreaterThan(5 / 4 - 0.05);
          }
        },
      ),
    );
  });
});

describe("speakerRects", () => {
  it("puts a strip of 100 pixels above the large picture", () => {
    const [large, ...strip] = speakerRects(5, { w: 910, h: 672, gap: 10 });
    expect(large).toEqual({ x: 0, y: 110, w: 910, h: 562 });
    expect(strip.map((r) => [r.h, r.w])).toEqual(Array.from({ length: 5 }, () => [100, 174]));
  });
  it("gives everything to the large picture when nobody else is there", () => {
    expect(speakerRects(0, { w: 500, h: 400, gap: 10 })).toEqual([{ x: 0, y: 0, w: 500, h: 400 }]);
  });
  it("holds at most eight beside the large one and at least one", () => {
    expect(stripRoom({ w: 5000, h: 500, gap: 10 })).toBe(8);
    expect(stripRoom({ w: 50, h: 500, gap: 10 })).toBe(1);
  });
});

describe("phoneRects", () => {
  it("draws one large tile and two columns", () => {
    const rects = phoneRects(5, { w: 344, h: 554, gap: 8 });
    expect(rects[0]?.w).toBe(344);
    expect(rects.slice(1).map((r) => r.w)).toEqual([168, 168, 168, 168]);
    expectInside(rects, 344, 554);
  });
  it("lets the last one alone take both columns", () => {
    expect(phoneRects(4, { w: 344, h: 554, gap: 8 }).at(-1)?.w).toBe(344);
  });
});

describe("the own picture", () => {
  it("takes a fifth of the width in its corner", () => {
    expect(cornerRect({ w: 1256, h: 672, gap: 10 }, "bottom-end")).toEqual({
      x: 993,
      y: 503,
      w: 251,
      h: 157,
    });
  });
  it("moves with the arrows, mirrored where writing goes the other way", () => {
    expect(moveCorner("bottom-end", "ArrowUp", false)).toBe("top-end");
    expect(moveCorner("bottom-end", "ArrowLeft", false)).toBe("bottom-start");
    expect(moveCorner("bottom-end", "ArrowRight", true)).toBe("bottom-start");
    expect(moveCorner("top-start", "ArrowUp", false)).toBe("top-start");
  });
});
