import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Socket } from "./socket.ts";

class FakeSocket {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  binaryType = "blob";
  readonly sent: Uint8Array[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;

  send(frame: Uint8Array): void {
    this.sent.push(frame);
  }

  close(): void {
    this.closed = true;
    this.onclose?.();
  }
}

describe("Socket", () => {
  let made: FakeSocket[];
  let told: string[];
  let socket: Socket;
  const dial = (): WebSocket => {
    const fake = new FakeSocket();
    made.push(fake);
    return fake as unknown as WebSocket;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    made = [];
    told = [];
    const events = {
      connected: () => told.push("connected"),
      received: (frame: Uint8Array) => told.push(`received ${frame.length}`),
      disconnected: () => told.push("disconnected"),
    };
    socket = new Socket("wss://example.org", events, dial);
  });
  afterEach(() => vi.useRealTimers());

  /** Opens the socket; fails the test if none was made. */
  function open(): FakeSocket {
    socket.connect(100);
    vi.advanceTimersByTime(100);
    const fake = made.at(-1);
    if (fake === undefined) {
      throw new Error("no socket");
    }
    fake.onopen?.();
    return fake;
  }

  test("waits for the delay, then reports frames and its end", () => {
    socket.connect(100);
    vi.advanceTimersByTime(99);
    expect(made).toHaveLength(0);
    const fake = open();
    expect(fake.binaryType).toBe("arraybuffer");
    fake.onmessage?.({ data: new ArrayBuffer(3) });
    fake.onclose?.();
    expect(told).toEqual(["connected", "received 3", "disconnected"]);
  });

  test("nothing is reported after close, nor of an earlier connection", () => {
    const first = open();
    const second = open();
    expect(first.closed).toBe(true);
    first.onmessage?.({ data: new ArrayBuffer(1) });
    first.onclose?.();
    socket.close();
    second.onmessage?.({ data: new ArrayBuffer(1) });
    expect(told).toEqual(["connected", "connected"]);
  });

  test.each([
    ["text", "hello"],
    ["a frame too large", new ArrayBuffer((4 << 20) + 1)],
  ])("ends on %s", (_name, data) => {
    const fake = open();
    fake.onmessage?.({ data });
    expect(told).toEqual(["connected", "disconnected"]);
    expect(fake.closed).toBe(true);
  });

  test("ends when what was sent does not leave", async () => {
    const fake = open();
    fake.bufferedAmount = (4 << 20) + 1;
    socket.send(new Uint8Array(1));
    expect(told).toEqual(["connected"]);
    await Promise.resolve();
    expect(told).toEqual(["connected", "disconnected"]);
  });

  test("drops what is sent while there is no connection", () => {
    socket.send(new Uint8Array(1));
    const fake = open();
    expect(fake.sent).toHaveLength(0);
  });
});
