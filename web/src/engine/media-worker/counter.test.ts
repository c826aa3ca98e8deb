import { describe, expect, test, vi } from "vitest";
import { Counter } from "./counter.ts";

describe("Counter", () => {
  test("never gives a value twice and stops at the end of its lease", () => {
    const counter = new Counter({ next: 10n, end: 13n }, () => {});
    expect([counter.take(), counter.take(), counter.take(), counter.take()]).toEqual([
      10n,
      11n,
      12n,
      undefined,
    ]);
  });

  test("asks once for the next lease while there is still room, and goes on with it", () => {
    const renew = vi.fn();
    const counter = new Counter({ next: 0n, end: 16_386n }, renew);
    expect(counter.take()).toBe(0n);
    expect(renew).not.toHaveBeenCalled();
    for (let i = 1n; i < 16_386n; i++) {
      expect(counter.take()).toBe(i);
    }
    expect(renew).toHaveBeenCalledTimes(1);
    expect(counter.take()).toBeUndefined();
    counter.extend({ next: 1n << 20n, end: (1n << 20n) + 2n });
    expect([counter.take(), counter.take(), counter.take()]).toEqual([
      1n << 20n,
      (1n << 20n) + 1n,
      undefined,
    ]);
    expect(renew).toHaveBeenCalledTimes(2);
  });
});
