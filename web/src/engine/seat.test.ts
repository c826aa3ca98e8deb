import { beforeEach, describe, expect, test, vi } from "vitest";
import { Seat, type SeatParts } from "./seat.ts";
import type { ToSession } from "./session-worker/messages.ts";

const plane = { setSlots: vi.fn(), published: vi.fn(), dispose: vi.fn() };
const port = { close: vi.fn() };
vi.mock("./media-client.ts", () => ({
  MediaClient: { start: () => Promise.resolve({ media: { dispose: vi.fn() }, keys: port }) },
}));
vi.mock("./media-plane.ts", () => ({
  MediaPlane: class {
    setSlots = plane.setSlots;
    published = plane.published;
    dispose = plane.dispose;
  },
}));

describe("Seat", () => {
  const posted: ToSession[] = [];
  const events = { tampered: vi.fn(), lost: vi.fn(), unsafe: vi.fn(), failed: vi.fn() };
  const session = {
    stay: 3,
    post: (message: ToSession) => posted.push(message),
    listenForBrokenKeys: vi.fn<(listener: (() => void) | undefined) => void>(),
  };
  const parts = {
    session,
    view: { viewItems: () => [], setIncoming: vi.fn() },
    own: { attach: vi.fn(), detach: vi.fn() },
    meters: { watch: vi.fn(), refresh: vi.fn() },
  } as unknown as SeatParts;
  let seat: Seat;

  beforeEach(async () => {
    vi.clearAllMocks();
    posted.length = 0;
    session.stay = 3;
    seat = new Seat(parts, [], "VP9", events);
    session.stay = 4;
    await vi.waitFor(() => expect(parts.own.attach).toHaveBeenCalledTimes(1));
  });

  test("names its own stay when it asks for keys and when its media worker is gone", () => {
    seat.dispose();
    expect(posted.filter(({ kind }) => kind === "keys-to" || kind === "media-gone")).toEqual([
      { kind: "keys-to", stay: 3, port },
      { kind: "media-gone", stay: 3 },
    ]);
  });

  test("keys that are broken mean that media cannot go on", () => {
    const listener = session.listenForBrokenKeys.mock.lastCall?.[0];
    listener?.();
    expect(events.lost).toHaveBeenCalledTimes(1);
    seat.dispose();
    expect(session.listenForBrokenKeys).toHaveBeenLastCalledWith(undefined);
  });

  test("a step that fails is told, and those after it are still done", async () => {
    plane.setSlots.mockImplementationOnce(() => {
      throw new Error("no such line");
    });
    seat.take({ kind: "slots", slots: [] });
    seat.take({ kind: "published", sdp: "answer" });
    await vi.waitFor(() => expect(plane.published).toHaveBeenCalledExactlyOnceWith("answer"));
    expect(events.lost).toHaveBeenCalledTimes(1);
  });
});
