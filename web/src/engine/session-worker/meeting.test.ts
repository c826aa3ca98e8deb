import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { MeetingHandle, Outputs } from "../bridge.d.ts";
import { Meeting } from "./meeting.ts";
import type { FromSession } from "./messages.ts";

/** The Go side, saying what the test tells it to. */
function fakeHandle(): {
  handle: MeetingHandle;
  next: (outputs: Outputs) => void;
  calls: string[];
  wakeAt: (at?: number) => void;
} {
  const calls: string[] = [];
  let outputs: Outputs = [];
  let at: number | undefined;
  const take = (): Outputs => {
    const now = outputs;
    outputs = [];
    return now;
  };
  const handle = new Proxy({} as MeetingHandle, {
    get: (_target, name) =>
      name === "wake"
        ? () => at
        : (...args: readonly unknown[]) => {
            calls.push([String(name), ...args.slice(1)].join(" "));
            return take();
          },
  });
  return { handle, calls, next: (value) => (outputs = value), wakeAt: (value) => (at = value) };
}

describe("Meeting", () => {
  const socket = { connect: vi.fn(), send: vi.fn(), close: vi.fn() };
  const keys = { reset: vi.fn(), begin: vi.fn(() => Promise.resolve()), drop: vi.fn(), end: vi.fn() };
  let pages: FromSession[];
  let fake: ReturnType<typeof fakeHandle>;
  const start = () =>
    new Meeting(fake.handle, {
      socket,
      keys,
      toPage: (message) => pages.push(message),
      now: () => Date.now(),
    });

  beforeEach(() => {
    vi.useFakeTimers({ now: 1000 });
    vi.clearAllMocks();
    pages = [];
    fake = fakeHandle();
  });
  afterEach(() => vi.useRealTimers());

  test("connects at first and carries out what comes", () => {
    fake.next([{ kind: "connect", delayMs: 0 }]);
    const meeting = start();
    expect(socket.connect).toHaveBeenCalledExactlyOnceWith(0);
    const frame = new Uint8Array([1]);
    fake.next([{ kind: "send", frame }, { kind: "reconnected" }, { kind: "close" }]);
    meeting.connected();
    expect(socket.send).toHaveBeenCalledExactlyOnceWith(frame);
    expect(socket.close).toHaveBeenCalledTimes(1);
    expect(pages).toEqual([{ kind: "output", output: { kind: "reconnected" } }]);
  });

  test("keys go to the media worker; the page learns the epoch only", () => {
    const meeting = start();
    const key = { context: 1 as const, kid: 1n, key: new Uint8Array(32), salt: new Uint8Array(12) };
    fake.next([{ kind: "keys", epoch: 4, self: 2, send: [key], receive: [], previousForMs: 1 }]);
    meeting.received(new Uint8Array());
    expect(keys.begin).toHaveBeenCalledTimes(1);
    expect(pages).toEqual([{ kind: "epoch", epoch: 4, self: 2 }]);
  });

  test("a new seat forgets the old keys, a seat taken back keeps them", () => {
    const meeting = start();
    const joined = { kind: "joined", seat: 1, limit: 9, iceServers: [], graceMs: 1 } as const;
    fake.next([{ ...joined, resumed: true }]);
    meeting.received(new Uint8Array());
    expect(keys.reset).not.toHaveBeenCalled();
    fake.next([{ ...joined, resumed: false }]);
    meeting.received(new Uint8Array());
    expect(keys.reset).toHaveBeenCalledTimes(1);
  });

  test("keys that are gone are dropped before anything else happens; the page hears nothing of it", () => {
    const meeting = start();
    fake.next([{ kind: "keysGone" }]);
    meeting.received(new Uint8Array());
    expect(keys.drop).toHaveBeenCalledTimes(1);
    expect(keys.end).not.toHaveBeenCalled();
    expect(pages).toEqual([]);
  });

  test.each([
    { kind: "failed", code: "lost" },
    { kind: "left", reason: "removed" },
  ] as const)("the keys end with the meeting: $kind", (output) => {
    const meeting = start();
    keys.end.mockImplementationOnce(() => expect(pages).toEqual([]));
    fake.next([output]);
    meeting.received(new Uint8Array());
    expect(keys.end).toHaveBeenCalledTimes(1);
    expect(pages).toEqual([{ kind: "output", output }]);
  });

  test("calls again when it is time", () => {
    fake.wakeAt(1250);
    start();
    vi.advanceTimersByTime(249);
    expect(fake.calls).toEqual(["poll"]);
    fake.wakeAt(undefined);
    vi.advanceTimersByTime(1);
    expect(fake.calls).toEqual(["poll", "tick"]);
    vi.advanceTimersByTime(10_000);
    expect(fake.calls).toHaveLength(2);
  });

  test("passes commands on and reports those that are refused", () => {
    const meeting = start();
    meeting.command({ kind: "chat", text: "hello" });
    meeting.command({ kind: "answer", generation: 3, sdp: "v=0" });
    expect(fake.calls.slice(1)).toEqual(["sendChat hello", "answerSubscribe 3 v=0"]);
    fake.next({ code: "too-large", message: "text" });
    meeting.command({ kind: "chat", text: "long" });
    expect(pages).toEqual([
      { kind: "refused", command: "chat", error: { code: "too-large", message: "text" } },
    ]);
  });

  test("nothing is called after dispose", () => {
    const meeting = start();
    meeting.dispose();
    meeting.dispose();
    meeting.disconnected();
    meeting.command({ kind: "leave" });
    expect(fake.calls).toEqual(["poll", "dispose"]);
    expect(socket.close).toHaveBeenCalledTimes(1);
  });
});
