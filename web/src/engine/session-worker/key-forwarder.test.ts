import { beforeEach, describe, expect, test } from "vitest";
import type { MediaContext, OutKeys } from "../bridge.d.ts";
import type { KeyMessage, KeyRequest } from "../media-worker/messages.ts";
import { kid } from "../testkit/epoch.ts";
import { KeyForwarder } from "./key-forwarder.ts";

const media: MediaContext[] = [0, 1, 2, 4];

function keysOf(epoch: number, members: readonly number[], self = 1): OutKeys {
  const one = (context: MediaContext, index: number) => ({
    context,
    kid: kid(context, index, epoch),
    key: new Uint8Array(32).fill(epoch),
    salt: new Uint8Array(12).fill(epoch),
  });
  return {
    kind: "keys",
    epoch,
    self,
    send: media.map((context) => one(context, self)),
    receive: members.flatMap((index) => media.map((context) => ({ index, ...one(context, index) }))),
    previousForMs: 10_000,
  };
}

/** The media worker's end of the port. */
class Port {
  readonly got: KeyMessage[] = [];
  onmessage: ((event: { data: KeyRequest }) => void) | null = null;
  closed = false;

  postMessage(message: KeyMessage): void {
    this.got.push(message);
  }

  close(): void {
    this.closed = true;
  }

  ask(data: KeyRequest): void {
    this.onmessage?.({ data });
  }

  get port(): MessagePort {
    return this as unknown as MessagePort;
  }

  /** The last epoch posted. */
  get epoch(): Extract<KeyMessage, { kind: "epoch" }> {
    const found = this.got.findLast((message) => message.kind === "epoch");
    if (found === undefined) {
      throw new Error("no epoch posted");
    }
    return found;
  }
}

describe("KeyForwarder", () => {
  let forwarder: KeyForwarder;
  let port: Port;
  beforeEach(() => {
    forwarder = new KeyForwarder();
    port = new Port();
    forwarder.attach(port.port);
  });

  test("posts keys that cannot be read out and erases what it was given", async () => {
    const keys = keysOf(3, [1, 2]);
    await forwarder.begin(keys);
    for (const { key } of [...port.epoch.send, ...port.epoch.receive]) {
      expect(key.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
    }
    expect(port.epoch.send.every(({ key }) => key.usages.join() === "encrypt")).toBe(true);
    expect(port.epoch.receive.every(({ key }) => key.usages.join() === "decrypt")).toBe(true);
    expect([...keys.send, ...keys.receive].every(({ key }) => key.every((byte) => byte === 0))).toBe(true);
    expect(port.epoch.receive).toHaveLength(8);
  });

  test("a media worker that is started again never gets the same counters", async () => {
    await forwarder.begin(keysOf(3, [1, 2]));
    const first = port.epoch.send.map(({ lease }) => lease);
    const again = new Port();
    forwarder.attach(again.port);
    expect(port.closed).toBe(true);
    for (const [i, { lease }] of again.epoch.send.entries()) {
      expect(lease.next).toBeGreaterThanOrEqual(first[i]?.end ?? 0n);
    }
  });

  test("a further lease begins where the last one ended", async () => {
    await forwarder.begin(keysOf(3, [1, 2]));
    const camera = kid(1, 1, 3);
    const first = port.epoch.send.find((key) => key.kid === camera)?.lease;
    port.ask({ kind: "lease", epoch: 3, kid: camera });
    expect(port.got.at(-1)).toMatchObject({ kind: "lease", kid: camera, lease: { next: first?.end } });
  });

  test("a media worker that is started again refuses what the last one opened", async () => {
    await forwarder.begin(keysOf(3, [1, 2]));
    port.ask({ kind: "opened", newest: [{ epoch: 3, kid: kid(1, 2, 3), newest: 99n }] });
    const again = new Port();
    forwarder.attach(again.port);
    const floors = new Map(again.epoch.receive.map((key) => [key.kid, key.floor]));
    expect(floors.get(kid(1, 2, 3))).toBe(100n);
    expect(floors.get(kid(0, 2, 3))).toBe(0n);
  });

  test("tells joining from leaving", async () => {
    await forwarder.begin(keysOf(1, [1]));
    await forwarder.begin(keysOf(2, [1, 2]));
    expect(port.epoch.joined).toBe(true);
    await forwarder.begin(keysOf(3, [1]));
    expect(port.epoch.joined).toBe(false);
  });

  test("epochs are posted in order, even if they come at once", async () => {
    void forwarder.begin(keysOf(1, [1]));
    void forwarder.begin(keysOf(2, [1, 2]));
    await forwarder.begin(keysOf(3, [1, 2]));
    expect(port.got.map((message) => message.kind === "epoch" && message.epoch)).toEqual([1, 2, 3]);
  });

  test("after a reset nothing is left for the next media worker", async () => {
    await forwarder.begin(keysOf(1, [1]));
    forwarder.reset();
    await forwarder.begin(keysOf(2, [1]));
    forwarder.reset();
    await Promise.resolve();
    await Promise.resolve();
    const again = new Port();
    forwarder.attach(again.port);
    expect(again.got).toEqual([]);
  });
});
