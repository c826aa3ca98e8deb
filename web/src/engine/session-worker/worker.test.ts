import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConclaveDoor, MeetingHandle, OutKeys, Outputs } from "../bridge.d.ts";
import type { KeyMessage } from "../media-worker/messages.ts";
import { kid } from "../testkit/epoch.ts";
import type { FromSession, ToSession } from "./messages.ts";

const door: { opened?: ConclaveDoor; ended?: () => void } = {};
vi.mock("./door.ts", () => ({
  openDoor: (_origin: string, ended: () => void) => {
    door.ended = ended;
    return Promise.resolve(door.opened);
  },
}));

/** The Go side: says what the test tells it to when it is called next. */
class Go {
  next: Outputs = [];
  readonly calls: string[] = [];

  readonly handle = new Proxy({} as MeetingHandle, {
    get: (_target, name) => () => {
      this.calls.push(String(name));
      const outputs = name === "leave" ? [{ kind: "left", reason: "self" }] : this.next;
      this.next = [];
      return name === "wake" ? undefined : outputs;
    },
  });
}

/** The media worker's end of a port. */
class Port {
  readonly got: KeyMessage[] = [];
  onmessage: unknown = null;
  closed = false;

  postMessage(message: KeyMessage): void {
    this.got.push(message);
  }

  close(): void {
    this.closed = true;
  }

  get kinds(): string[] {
    return this.got.map(({ kind }) => kind);
  }
}

const keysOf = (epoch: number): OutKeys => {
  const key = (index: number) => ({
    context: 1 as const,
    kid: kid(1, index, epoch),
    key: new Uint8Array(32).fill(epoch),
    salt: new Uint8Array(12),
  });
  return {
    kind: "keys",
    epoch,
    self: 1,
    send: [key(1)],
    receive: [{ index: 2, ...key(2) }],
    previousForMs: 1,
  };
};
const joined = { kind: "joined", seat: 1, limit: 9, iceServers: [], resumed: false, graceMs: 1 } as const;

describe("session worker", () => {
  let go: Go;
  let pages: FromSession[];

  beforeEach(async () => {
    vi.resetModules();
    go = new Go();
    pages = [];
    door.opened = { newMeeting: () => go.handle } as unknown as ConclaveDoor;
    vi.stubGlobal("location", { origin: "https://meet.example" });
    vi.stubGlobal("postMessage", (message: FromSession) => pages.push(message));
    await import("./worker.ts");
    tell({ kind: "open", url: "", create: false, name: "Lin" });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** The page says something. */
  function tell(message: ToSession): void {
    const { onmessage } = globalThis as unknown as { onmessage: (event: { data: ToSession }) => void };
    onmessage({ data: message });
  }

  /** The Go side says something. */
  function say(...outputs: Exclude<Outputs, { readonly code: string }>): void {
    go.next = outputs;
    tell({ kind: "chat", text: "" });
  }

  /** The page hands in the port of a media worker. */
  function keysTo(stay: number): Port {
    const port = new Port();
    tell({ kind: "keys-to", stay, port: port as unknown as MessagePort });
    return port;
  }

  async function withKeys(): Promise<Port> {
    say(joined);
    const port = keysTo(1);
    say(keysOf(1));
    await vi.waitFor(() => expect(port.kinds).toEqual(["epoch"]));
    return port;
  }

  test("a second port gets nothing, and the first goes on", async () => {
    const port = await withKeys();
    const second = keysTo(1);
    expect(second).toMatchObject({ got: [], closed: true });
    expect(port.closed).toBe(false);
    say(keysOf(2));
    await vi.waitFor(() => expect(port.kinds).toEqual(["epoch", "epoch"]));
    expect(second.got).toEqual([]);
  });

  test("a media worker that is started again gets the keys, once the last one is gone", async () => {
    const port = await withKeys();
    tell({ kind: "media-gone", stay: 1 });
    expect(port).toMatchObject({ closed: true });
    expect(port.kinds).toEqual(["epoch", "drop"]);
    expect(keysTo(1).kinds).toEqual(["epoch"]);
    expect(keysTo(1).kinds).toEqual([]);
  });

  test("a seat that was taken back keeps its port; a new one wants a port of its own", async () => {
    const port = await withKeys();
    say({ ...joined, resumed: true });
    expect(keysTo(1).closed).toBe(true);
    expect(port.closed).toBe(false);
    say(joined);
    expect(port.closed).toBe(true);
    // Of the stay before, sent when the page did not know yet.
    tell({ kind: "media-gone", stay: 1 });
    expect(keysTo(1)).toMatchObject({ got: [], closed: true });
    const next = keysTo(2);
    say(keysOf(1));
    await vi.waitFor(() => expect(next.kinds).toEqual(["epoch"]));
  });

  test("no port before there is a seat", () => {
    expect(keysTo(0).closed).toBe(true);
    expect(keysTo(1).closed).toBe(true);
  });

  test("keys that are gone leave the media worker, which stays for the next ones", async () => {
    const port = await withKeys();
    say({ kind: "keysGone" });
    expect(port.kinds).toEqual(["epoch", "drop"]);
    expect(port.closed).toBe(false);
    say(keysOf(1));
    await vi.waitFor(() => expect(port.kinds).toEqual(["epoch", "drop", "epoch"]));
  });

  test.each([
    { kind: "failed", code: "lost" },
    { kind: "left", reason: "ended" },
  ] as const)("after $kind nobody has a key, nor gets one", async (output) => {
    const port = await withKeys();
    say(output);
    expect(port.kinds.at(-1)).toBe("drop");
    expect(port.closed).toBe(true);
    tell({ kind: "media-gone", stay: 1 });
    expect(keysTo(1)).toMatchObject({ got: [], closed: true });
  });

  test("after the program has ended nobody has a key, nor gets one", async () => {
    const port = await withKeys();
    door.ended?.();
    expect(port.kinds.at(-1)).toBe("drop");
    expect(keysTo(1)).toMatchObject({ got: [], closed: true });
    expect(pages.at(-1)).toMatchObject({ kind: "broken" });
  });

  test("keys that cannot be handed on are dropped; the page is told, then the seat is given up", async () => {
    const port = await withKeys();
    vi.spyOn(crypto.subtle, "importKey").mockRejectedValueOnce(new DOMException("no", "OperationError"));
    say(keysOf(2));
    await vi.waitFor(() => expect(go.calls).toContain("leave"));
    expect(port.kinds).toContain("drop");
    expect(port.kinds.filter((kind) => kind === "epoch")).toHaveLength(1);
    expect(pages.slice(-2)).toEqual([
      { kind: "keys-broken" },
      { kind: "output", output: { kind: "left", reason: "self" } },
    ]);
  });
});
