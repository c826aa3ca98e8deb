import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplayWindow, replayWindowSize } from "./replay.ts";

describe("ReplayWindow", () => {
  test("accepts each counter at most once and behaves like the plain definition", () => {
    const counters = fc.array(fc.oneof(fc.bigInt({ min: 0n, max: 40n }), fc.bigInt({ min: 0n, max: 4000n })));
    fc.assert(
      fc.property(counters, (sequence) => {
        const window = new ReplayWindow();
        const seen = new Set<bigint>();
        let newest = -1n;
        for (const ctr of sequence) {
          const want = !seen.has(ctr) && ctr > newest - BigInt(replayWindowSize);
          expect(window.admits(ctr)).toBe(want);
          expect(window.accept(ctr)).toBe(want);
          if (want) {
            seen.add(ctr);
            newest = ctr > newest ? ctr : newest;
          }
          expect(window.newest).toBe(newest);
        }
      }),
    );
  });

  test("the edge of the window", () => {
    const window = new ReplayWindow();
    expect(window.accept(5000n)).toBe(true);
    expect(window.accept(5000n - 1023n)).toBe(true);
    expect(window.accept(5000n - 1024n)).toBe(false);
  });

  test("a jump beyond the window forgets the old and keeps the rule", () => {
    const window = new ReplayWindow();
    expect(window.accept(1n)).toBe(true);
    expect(window.accept(1n << 40n)).toBe(true);
    expect(window.accept(1n)).toBe(false);
    expect(window.accept((1n << 40n) - 1n)).toBe(true);
    expect(window.accept((1n << 40n) - 1n)).toBe(false);
  });

  test("nothing below the floor of an earlier worker", () => {
    const window = new ReplayWindow(100n);
    expect(window.accept(99n)).toBe(false);
    expect(window.accept(100n)).toBe(true);
  });
});
