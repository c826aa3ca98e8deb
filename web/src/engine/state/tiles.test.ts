import { describe, expect, test } from "vitest";
import type { Member, MemberIndex, Tile } from "../types.ts";
import type { PictureCondition } from "./picture-watch.ts";
import { type Picture, tilesOf, type TileSources } from "./tiles.ts";

const now = 100_000;
const lin: Member = {
  index: 3 as MemberIndex,
  name: "Lin",
  device: "00",
  deviceClass: "web",
  you: false,
  owner: false,
  away: false,
  mic: true,
  camera: true,
  screen: false,
  hand: false,
  speaking: false,
};
const you: Member = { ...lin, index: 1 as MemberIndex, name: "Ada", you: true };
const whole = {} as MediaStream;
const sound = {} as MediaStream;
const well: PictureCondition = {
  revealed: true,
  since: now - 60_000,
  lastOpened: now - 100,
  noKeySince: undefined,
  refusedSince: undefined,
  layer: { spatial: 2, temporal: 1 },
};

function tiles(
  member: Partial<Member>,
  picture: Partial<Picture>,
  sources: Partial<TileSources> = {},
): Tile[] {
  return tilesOf({
    now,
    members: [you, { ...lin, ...member }],
    seatUntil: new Map([[3, now + 7_200]]),
    shown: undefined,
    picture: () => ({
      announced: true,
      sending: "sending",
      condition: well,
      media: whole,
      sound,
      ...picture,
    }),
    self: { media: whole, name: "", cameraOn: true, cameraMissing: false, micOn: true, sharing: false },
    ...sources,
  });
}

const lins = (...of: Parameters<typeof tiles>): Tile | undefined =>
  tiles(...of).find(({ id }) => id === "3/camera");

describe("a remote tile", () => {
  test.each<[string, Partial<Member>, Partial<Picture>, Partial<Tile>]>([
    ["plays", {}, {}, { state: "playing", media: whole, layer: { spatial: 2, temporal: 1 } }],
    ["is away", { away: true }, {}, { state: "waiting", reason: "reconnecting", seconds: 8, media: sound }],
    ["is off", { camera: false }, {}, { state: "off", reason: "camera-off", media: sound }],
    ["has no stream yet", {}, { announced: false }, { state: "waiting", reason: "connecting" }],
    ["has no m-line yet", {}, { condition: undefined }, { state: "waiting", reason: "connecting" }],
    [
      "waits for its first picture",
      {},
      { condition: { ...well, revealed: false, since: now - 3_100 } },
      { state: "waiting", reason: "connecting", seconds: 3, media: sound },
    ],
    ["is held back", {}, { sending: "bandwidth" }, { state: "waiting", reason: "paused-bandwidth" }],
    ["has another codec", {}, { sending: "codec" }, { state: "no-key", reason: "codec" }],
    [
      "says nothing in the first second without a key",
      {},
      { condition: { ...well, noKeySince: now - 999 } },
      { state: "playing" },
    ],
    [
      "has no key",
      {},
      { condition: { ...well, noKeySince: now - 1_000 } },
      { state: "no-key", reason: "no-key", seconds: 1, media: sound },
    ],
    [
      "has no key for long",
      {},
      { condition: { ...well, noKeySince: now - 5_000 } },
      { state: "no-key", reason: "no-key-long", seconds: 5 },
    ],
    [
      "is refused",
      {},
      { condition: { ...well, refusedSince: now - 1_000 } },
      { state: "no-key", reason: "refused", media: sound },
    ],
    [
      "is frozen",
      {},
      { condition: { ...well, lastOpened: now - 4_200 } },
      { state: "waiting", reason: "frozen", seconds: 4, media: whole },
    ],
  ])("%s", (_name, member, picture, want) => {
    expect(lins(member, picture)).toMatchObject(want);
  });

  test("is paused while it is not on the screen, once the interface has said what is", () => {
    expect(lins({}, {}, { shown: new Set() })).toMatchObject({ state: "waiting", reason: "paused-hidden" });
    expect(lins({}, {}, { shown: new Set(["3/camera"]) })).toMatchObject({ state: "playing" });
  });

  test("its picture is never there before it is revealed", () => {
    const hidden = { ...well, revealed: false };
    expect(lins({}, { condition: hidden })?.media).toBe(sound);
    expect(lins({}, { condition: { ...hidden, lastOpened: undefined } })?.media).toBe(sound);
  });
});

describe("the list", () => {
  test("has screens first, then cameras, then the own picture", () => {
    expect(tiles({ screen: true }, {}).map(({ id }) => id)).toEqual(["3/screen", "3/camera", "self"]);
  });

  test("has a still card for the own screen", () => {
    const self = { media: whole, name: "", cameraOn: true, cameraMissing: false, micOn: true, sharing: true };
    expect(tiles({}, {}, { self })[0]).toMatchObject({ id: "1/screen", state: "playing", media: undefined });
  });

  test.each([
    [true, false, { state: "playing", media: whole }],
    [false, false, { state: "off", reason: "camera-off", media: undefined }],
    [false, true, { state: "off", reason: "no-camera", media: undefined }],
  ])("own camera on %s, missing %s", (cameraOn, cameraMissing, want) => {
    const self = { media: whole, name: "Ada", cameraOn, cameraMissing, micOn: true, sharing: false };
    expect(tiles({}, {}, { self }).at(-1)).toMatchObject({ id: "self", kind: "self", ...want });
    expect(tilesOf({ ...emptySources, self })).toMatchObject([{ id: "self", name: "Ada", ...want }]);
  });
});

const emptySources: TileSources = {
  now,
  members: [],
  seatUntil: new Map(),
  shown: undefined,
  picture: () => ({
    announced: false,
    sending: undefined,
    condition: undefined,
    media: undefined,
    sound: undefined,
  }),
  self: { media: undefined, name: "", cameraOn: false, cameraMissing: false, micOn: false, sharing: false },
};
