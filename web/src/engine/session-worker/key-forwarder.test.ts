import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
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
  /** Whether messages can be posted. */
  open = true;

  postMessage(message: KeyMessage): void {
    if (!this.open) {
      throw new DOMException("not cloned", "DataCloneError");
    }
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

const keysAreGone: KeyMessage = { kind: "drop" };

describe("KeyForwarder", () => {
  let forwarder: KeyForwarder;
  let port: Port;
  const failed = vi.fn();
  beforeEach(() => {
    failed.mockClear();
    forwarder = new KeyForwarder(failed);
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

  describe("when a key cannot be imported", () => {
    afterEach(() => vi.restoreAllMocks());

    const failOnce = () =>
      vi.spyOn(crypto.subtle, "importKey").mockRejectedValueOnce(new DOMException("no", "OperationError"));

    test("the media worker loses all its keys, and that is told once", async () => {
      await forwarder.begin(keysOf(1, [1, 2]));
      failOnce();
      await forwarder.begin(keysOf(2, [1, 2]));
      expect(port.got.map(({ kind }) => kind)).toEqual(["epoch", "drop"]);
      await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(1));
    });

    test("nothing is handed out before a reset, everything after it", async () => {
      failOnce();
      void forwarder.begin(keysOf(1, [1, 2]));
      const waiting = keysOf(2, [1, 2]);
      await forwarder.begin(waiting);
      expect(port.got).toEqual([keysAreGone]);
      expect([...waiting.send, ...waiting.receive].every(({ key }) => key.every((b) => b === 0))).toBe(true);
      await forwarder.begin(keysOf(3, [1, 2]));
      expect(port.got).toEqual([keysAreGone]);

      forwarder.reset();
      const next = new Port();
      forwarder.attach(next.port);
      await forwarder.begin(keysOf(1, [1, 2]));
      expect(next.epoch.epoch).toBe(1);
      expect(failed).toHaveBeenCalledTimes(1);
    });
  });

  test("keys that cannot be posted are dropped, and that is told", async () => {
    port.open = false;
    await forwarder.begin(keysOf(1, [1, 2]));
    await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(1));
    port.open = true;
    await forwarder.begin(keysOf(2, [1, 2]));
    expect(port.got).toEqual([]);
    const again = new Port();
    forwarder.attach(again.port);
    expect(again.got).toEqual([]);
  });

  test("a media worker that cannot read its keys is a failure as well", async () => {
    await forwarder.begin(keysOf(1, [1, 2]));
    port.ask({ kind: "unreadable" });
    expect(port.got.at(-1)).toEqual(keysAreGone);
    await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(1));
  });

  test("keys that are gone are dropped at once, also those just being imported", async () => {
    await forwarder.begin(keysOf(1, [1, 2]));
    const importing = forwarder.begin(keysOf(2, [1, 2]));
    await Promise.resolve();
    forwarder.drop();
    expect(port.got.at(-1)).toEqual(keysAreGone);
    await importing;
    expect(port.got.map(({ kind }) => kind)).toEqual(["epoch", "drop"]);
    expect(failed).not.toHaveBeenCalled();

    await forwarder.begin(keysOf(1, [1, 2]));
    expect(port.closed).toBe(false);
    expect(port.epoch).toMatchObject({ epoch: 1, joined: true });
    expect(port.got).toHaveLength(3);
  });

  test("what was opened in one stay says nothing of the keys of the next", async () => {
    const camera = kid(1, 2, 1);
    const floor = (of: Port) => of.epoch.receive.find((key) => key.kid === camera)?.floor;
    const opened: KeyRequest = { kind: "opened", newest: [{ epoch: 1, kid: camera, newest: 99n }] };
    await forwarder.begin(keysOf(1, [1, 2]));
    port.ask(opened);
    forwarder.reset();
    expect(port.got.at(-1)).toEqual(keysAreGone);
    expect(port.closed).toBe(true);

    const next = new Port();
    forwarder.attach(next.port);
    port.ask(opened);
    await forwarder.begin(keysOf(1, [1, 2]));
    expect(floor(next)).toBe(0n);
    expect(port.got.filter(({ kind }) => kind === "epoch")).toHaveLength(1);
  });

  test("what the media worker said before it dropped its keys says nothing of the next", async () => {
    const camera = kid(1, 2, 1);
    const opened: KeyRequest = { kind: "opened", newest: [{ epoch: 1, kid: camera, newest: 99n }] };
    await forwarder.begin(keysOf(1, [1, 2]));
    forwarder.drop();
    await forwarder.begin(keysOf(1, [1, 2]));
    port.ask(opened);
    port.ask({ kind: "lease", epoch: 1, kid: camera });
    expect(port.got.map(({ kind }) => kind)).toEqual(["epoch", "drop", "epoch"]);
    port.ask({ kind: "dropped" });
    const again = new Port();
    forwarder.attach(again.port);
    expect(again.epoch.receive.find((key) => key.kid === camera)?.floor).toBe(0n);
    again.ask(opened);
    const third = new Port();
    forwarder.attach(third.port);
    expect(third.epoch.receive.find((key) => key.kid === camera)?.floor).toBe(100n);
  });
});
