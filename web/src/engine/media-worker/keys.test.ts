import { beforeEach, describe, expect, test, vi } from "vitest";
import { contexts } from "../sframe/kid.ts";
import { epochMessage, kid } from "../testkit/epoch.ts";
import { Keys } from "./keys.ts";

describe("Keys", () => {
  const toSession = vi.fn();
  let now = 0;
  let keys: Keys;
  beforeEach(() => {
    now = 0;
    toSession.mockClear();
    keys = new Keys(toSession, () => now);
  });

  test("nothing is there before the first epoch", () => {
    expect(keys.sealing(contexts.camera)).toBeUndefined();
    expect(keys.opening(kid(contexts.camera, 2, 1))).toBeUndefined();
  });

  test("a new epoch is sealed with at once; the one before opens 10 s more", async () => {
    keys.receive(await epochMessage(1));
    keys.receive(await epochMessage(2));
    expect(keys.sealing(contexts.camera)?.key.kid).toBe(kid(contexts.camera, 1, 2));
    now = 9_999;
    expect(keys.opening(kid(contexts.camera, 2, 1))?.epoch).toBe(1);
    now = 10_000;
    expect(keys.opening(kid(contexts.camera, 2, 1))).toBeUndefined();
    expect(keys.opening(kid(contexts.camera, 2, 2))?.epoch).toBe(2);
  });

  test("the key of 16 epochs later takes the place of its namesake", async () => {
    keys.receive(await epochMessage(1));
    const before = keys.opening(kid(contexts.camera, 2, 1));
    keys.receive(await epochMessage(17));
    const after = keys.opening(kid(contexts.camera, 2, 17));
    expect(after?.epoch).toBe(17);
    expect(after?.window).not.toBe(before?.window);
  });

  test("an epoch that is not newer changes nothing: neither counter nor replay window", async () => {
    keys.receive(await epochMessage(3, { joined: true }));
    const { counter } = keys.sealing(contexts.camera) ?? {};
    const { window } = keys.opening(kid(contexts.camera, 2, 3)) ?? {};
    expect(keys.receive(await epochMessage(3, { joined: true }))).toBe(false);
    expect(keys.receive(await epochMessage(2, { joined: true }))).toBe(false);
    expect(keys.sealing(contexts.camera)?.counter).toBe(counter);
    expect(keys.opening(kid(contexts.camera, 2, 3))?.window).toBe(window);
  });

  test("tells whether someone joined", async () => {
    expect(keys.receive(await epochMessage(1, { joined: true }))).toBe(true);
    expect(keys.receive(await epochMessage(2))).toBe(false);
  });

  test("wakes who waits for keys", async () => {
    const waiting = keys.changed(60_000);
    keys.receive(await epochMessage(1));
    await waiting;
  });

  test("asks for another lease of the same epoch and KID only", async () => {
    const camera = kid(contexts.camera, 1, 1);
    keys.receive(await epochMessage(1, { lease: { next: 0n, end: 1n } }));
    const { counter } = keys.sealing(contexts.camera) ?? {};
    expect(counter?.take()).toBe(0n);
    expect(toSession).toHaveBeenCalledExactlyOnceWith({ kind: "lease", epoch: 1, kid: camera });
    keys.receive({ kind: "lease", epoch: 2, kid: camera, lease: { next: 0n, end: 9n } });
    expect(counter?.take()).toBeUndefined();
    keys.receive({ kind: "lease", epoch: 1, kid: camera, lease: { next: 5n, end: 9n } });
    expect(counter?.take()).toBe(5n);
  });

  test("reports the newest counter of each key, and begins above the floor it is given", async () => {
    const camera = kid(contexts.camera, 2, 1);
    keys.receive(await epochMessage(1));
    keys.opening(camera)?.window.accept(41n);
    expect(keys.opened()).toEqual([{ epoch: 1, kid: camera, newest: 41n }]);

    const next = new Keys(toSession, () => now);
    next.receive(await epochMessage(1, { floor: 42n }));
    expect(next.opening(camera)?.window.admits(41n)).toBe(false);
    expect(next.opening(camera)?.window.admits(42n)).toBe(true);
  });

  test("keys whose time is over are deleted without being asked for", async () => {
    const camera = kid(contexts.camera, 2, 1);
    keys.receive(await epochMessage(1));
    keys.opening(camera)?.window.accept(41n);
    keys.receive(await epochMessage(2));
    now = 9_999;
    keys.expire();
    expect(keys.opened()).toHaveLength(1);
    now = 10_000;
    keys.expire();
    expect(keys.opened()).toEqual([]);
    // They do not come back, whatever the clock says.
    now = 0;
    expect(keys.opening(camera)).toBeUndefined();
    expect(keys.opening(kid(contexts.camera, 2, 2))).toBeDefined();
  });

  test("drops all keys at once, says so, and takes those of another group", async () => {
    keys.receive(await epochMessage(4));
    keys.receive(await epochMessage(5));
    expect(keys.receive({ kind: "drop" })).toBe(false);
    expect(toSession).toHaveBeenCalledExactlyOnceWith({ kind: "dropped" });
    expect(keys.sealing(contexts.camera)).toBeUndefined();
    expect(keys.opening(kid(contexts.camera, 2, 4))).toBeUndefined();
    expect(keys.opening(kid(contexts.camera, 2, 5))).toBeUndefined();
    expect(keys.receive(await epochMessage(1, { joined: true }))).toBe(true);
    expect(keys.sealing(contexts.camera)?.key.kid).toBe(kid(contexts.camera, 1, 1));
  });
});
