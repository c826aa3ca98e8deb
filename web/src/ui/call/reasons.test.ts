import { describe, expect, it } from "vitest";
import type { Tile, TileReason } from "../../engine/types.ts";
import { whyOf } from "./reasons.ts";
import { testTile } from "./testing.ts";

const why = (part: Partial<Tile>, audioOnly = false): ReturnType<typeof whyOf> =>
  whyOf(testTile("x", { name: "Lin", state: "waiting", ...part }), audioOnly);

describe("whyOf", () => {
  it("says nothing over a picture that plays", () => {
    expect(why({ state: "playing" })).toBeUndefined();
  });

  // The words are those of the table of tile states in the design.
  it.each<[TileReason, Partial<Tile>, string | undefined, string]>([
    ["connecting", {}, undefined, "Connecting to Lin"],
    ["paused-bandwidth", {}, undefined, "Paused to keep sound clear"],
    ["paused-hidden", {}, undefined, "Paused while off screen"],
    ["reconnecting", { seconds: 8 }, "Lin is reconnecting", "Seat kept for 8 seconds."],
    [
      "frozen",
      { seconds: 4 },
      undefined,
      "No new picture from Lin for 4 seconds. Held up by the network or the server.",
    ],
    [
      "no-key",
      { state: "no-key" },
      "No key from Lin yet",
      "Lin’s device has not sent its new key. Asking again, usually under a second.",
    ],
    [
      "no-key-long",
      { state: "no-key" },
      "Still no key from Lin",
      "Getting a fresh key for this call. Lin may need to rejoin.",
    ],
    [
      "refused",
      { state: "no-key" },
      "Picture refused",
      "It did not match Lin’s seal: changed on the way. Sound goes on.",
    ],
    ["camera-off", { state: "off" }, undefined, "Camera off"],
    ["no-camera", { state: "off" }, undefined, "No camera"],
  ])("%s", (reason, part, head, text) => {
    const found = why({ reason, ...part });
    expect(found?.head?.text).toBe(head);
    expect(found?.text).toBe(text);
  });

  it("has words for a state that came without a reason", () => {
    expect(why({})?.text).toBe("Connecting to Lin");
    expect(why({ state: "off" })?.text).toBe("Camera off");
    expect(why({ state: "off", kind: "self" })?.text).toBe("Your camera is off");
    expect(why({ state: "no-key" })?.action).toBe("ask");
  });

  it("hatches a missing key and a broken seal, and says that the first is not heard", () => {
    expect(why({ reason: "no-key" })).toMatchObject({ hatched: true, silent: true });
    expect(why({ reason: "refused" })).toMatchObject({ hatched: true, silent: false });
    expect(why({ reason: "paused-bandwidth" })).toMatchObject({ hatched: false, silent: false });
  });

  it("names the choice of sound alone", () => {
    expect(why({ reason: "paused-hidden" }, true)?.text).toBe("Paused, audio only");
  });
});
