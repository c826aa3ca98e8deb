import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SessionClient } from "./session-client.ts";
import type { FromSession } from "./session-worker/messages.ts";

vi.mock("./session-worker/worker.ts?worker&url", () => ({ default: "/session.js" }));

/** A session worker that says what the test tells it to. */
class FakeWorker {
  static made: FakeWorker | undefined;
  onmessage: ((event: { data: FromSession }) => void) | null = null;
  readonly terminate = vi.fn();

  constructor() {
    FakeWorker.made = this;
  }

  say(data: FromSession): void {
    this.onmessage?.({ data });
  }
}

const joined = { kind: "joined", seat: 1, limit: 9, iceServers: [], graceMs: 1 } as const;

describe("SessionClient", () => {
  let client: SessionClient;
  beforeEach(async () => {
    vi.stubGlobal("location", new URL("https://meet.example/"));
    vi.stubGlobal("Worker", FakeWorker);
    const started = SessionClient.start();
    FakeWorker.made?.say({ kind: "ready" });
    client = await started;
  });
  afterEach(() => vi.unstubAllGlobals());

  test("counts a stay before its listener hears of it, and none when a seat is taken back", () => {
    const stays: number[] = [];
    client.listen(() => stays.push(client.stay));
    for (const resumed of [false, true, false]) {
      FakeWorker.made?.say({ kind: "output", output: { ...joined, resumed } });
    }
    expect(stays).toEqual([1, 1, 2]);
  });

  test("broken keys are told to whoever listens for them only", () => {
    const news = vi.fn();
    const broken = vi.fn();
    client.listen(news);
    client.listenForBrokenKeys(broken);
    FakeWorker.made?.say({ kind: "keys-broken" });
    client.listenForBrokenKeys(undefined);
    FakeWorker.made?.say({ kind: "keys-broken" });
    expect(broken).toHaveBeenCalledTimes(1);
    expect(news).not.toHaveBeenCalled();
  });
});
