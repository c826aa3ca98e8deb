import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { slotId } from "../media-worker/messages.ts";
import { FakeMedia, FakePeer, stubBrowser } from "../testkit/peer.ts";
import { Subscriber } from "./subscriber.ts";

const slot = slotId("receive", 2, "0");
const offer = { generation: 4, sdp: "m=video", slots: [{ mid: "0", stream: 7 }] };
const lin = { stream: 7, seat: 9, index: 3, kind: "camera", codec: "video/VP9", active: true } as const;

describe("Subscriber", () => {
  let media: FakeMedia;
  let subscriber: Subscriber;
  const events = { answer: vi.fn(), restart: vi.fn(), rebuild: vi.fn(), changed: vi.fn(), breached: vi.fn() };

  beforeEach(() => {
    vi.clearAllMocks();
    stubBrowser();
    media = new FakeMedia();
    subscriber = new Subscriber({ iceServers: [], media: media.client, connection: 2 }, events);
  });
  afterEach(() => {
    subscriber.close();
    vi.unstubAllGlobals();
  });

  const peer = (): FakePeer => FakePeer.made[0] ?? fail();

  test("every peer connection holds frames back until there is a transform", () => {
    expect(peer().configuration).toMatchObject({ encodedInsertableStreams: true });
  });

  test("sets the transform with the track event and answers", async () => {
    const transforms: unknown[] = [];
    const create = peer().createAnswer.bind(peer());
    peer().createAnswer = () => {
      transforms.push(peer().transceivers[0]?.receiver.transform);
      return create();
    };
    await subscriber.offered(offer);
    expect(transforms).toEqual([{ kind: "receive", slot }]);
    expect(events.answer).toHaveBeenCalledExactlyOnceWith(4, "answer");
  });

  test("tells the worker whose frames may come, once it is known", async () => {
    await subscriber.offered(offer);
    expect(media.expectations.size).toBe(0);
    subscriber.setStreams([lin]);
    await vi.waitFor(() => expect(media.expectations.get(slot)).toMatchObject({ index: 3, context: 1 }));
    expect(subscriber.incoming()).toMatchObject([{ slot, stream: 7, index: 3, kind: "camera" }]);
    subscriber.setSlots([]);
    await vi.waitFor(() => expect(media.expectations.size).toBe(0));
  });

  test("offers are answered one after the other", async () => {
    void subscriber.offered(offer);
    await subscriber.offered({ generation: 5, sdp: "", slots: [] });
    expect(events.answer.mock.calls.map(([generation]) => generation as number)).toEqual([4, 5]);
    expect(media.expectations.size).toBe(0);
  });

  test("pictures that the worker has not opened close the connection", async () => {
    await subscriber.offered(offer);
    media.figures.set(slot, { passed: 10 });
    peer().stats = [{ type: "inbound-rtp", kind: "video", mid: "0", framesDecoded: 10 }];
    await subscriber.check();
    expect(events.breached).not.toHaveBeenCalled();
    peer().stats = [{ type: "inbound-rtp", kind: "video", mid: "0", framesDecoded: 11 }];
    await subscriber.check();
    expect(events.breached).toHaveBeenCalledTimes(1);
    expect(FakePeer.journal.at(-1)).toBe("closed");
  });

  test("an offer that cannot be used asks for a new start", async () => {
    peer().setRemoteDescription = () => Promise.reject(new Error("bad"));
    await subscriber.offered(offer);
    expect(events.rebuild).toHaveBeenCalledTimes(1);
    expect(events.answer).not.toHaveBeenCalled();
  });

  test.each(["setSlots", "setStreams"] as const)(
    "a step of %s that fails ends the connection",
    async (step) => {
      await subscriber.offered(offer);
      subscriber.setStreams([lin]);
      await vi.waitFor(() => expect(media.expectations.size).toBe(1));
      events.changed.mockImplementationOnce(() => {
        throw new Error("not drawn");
      });
      subscriber[step]([]);
      await vi.waitFor(() => expect(events.rebuild).toHaveBeenCalledTimes(1));
      expect(FakePeer.journal.at(-1)).toBe("closed");
      // What comes later is not skipped by accident: there is nothing left that it could change.
      await subscriber.offered({ ...offer, generation: 5 });
      expect(events.answer.mock.calls.map(([generation]) => generation as number)).toEqual([4]);
      expect(events.rebuild).toHaveBeenCalledTimes(1);
    },
  );

  test("a second receiver on an m-line ends the connection before it gets a transform", async () => {
    await subscriber.offered(offer);
    const remote = peer().setRemoteDescription.bind(peer());
    peer().setRemoteDescription = async (description) => {
      const tell = peer().ontrack;
      peer().ontrack = null;
      await remote(description);
      const second = peer().transceivers[1] ?? fail();
      second.mid = "0";
      tell?.({ transceiver: second });
    };
    await subscriber.offered({ ...offer, generation: 5 });
    expect(events.rebuild).toHaveBeenCalledTimes(1);
    expect(FakePeer.journal.at(-1)).toBe("closed");
    expect(peer().transceivers[1]?.receiver.transform).toBeNull();
    expect(events.answer.mock.calls.map(([generation]) => generation as number)).toEqual([4]);
  });
});

function fail(): never {
  throw new Error("the fake has none");
}
