import type { OutStreamState } from "../bridge.d.ts";
import type { Member, MemberIndex, Tile, TileReason, TileState } from "../types.ts";
import type { PictureCondition } from "./picture-watch.ts";

// When a missing picture is explained, and how. UI.md, section 5, gives the times.
const noKeyMs = 1000;
const noKeyLongMs = 5000;
const frozenMs = 4000;

/** A remote picture: a member's camera or screen. */
export interface Picture {
  /** Whether the server has the stream and its sender says that it is active. */
  readonly announced: boolean;
  /** How the server sends it to this device, if it has said so. */
  readonly sending: OutStreamState["reason"] | undefined;
  readonly condition: PictureCondition | undefined;
  readonly media: MediaStream | undefined;
  /** The same without the picture: sound alone. */
  readonly sound: MediaStream | undefined;
}

/** All that the tiles of a call follow from. */
export interface TileSources {
  readonly now: number;
  readonly members: readonly Member[];
  /** When a member's seat is given up, for those who are away. */
  readonly seatUntil: ReadonlyMap<number, number>;
  /** Ids of the tiles on the screen; undefined before the interface has said. */
  readonly shown: ReadonlySet<string> | undefined;
  picture(index: MemberIndex, kind: "camera" | "screen"): Picture;
  readonly self: {
    readonly media: MediaStream | undefined;
    readonly name: string;
    readonly cameraOn: boolean;
    readonly cameraMissing: boolean;
    readonly micOn: boolean;
    readonly sharing: boolean;
  };
}

interface Shown {
  readonly state: TileState;
  readonly reason?: TileReason;
  readonly seconds?: number;
}

/** The tiles of a call: cameras in the order of the members, screens before them, the own one last. */
export function tilesOf(sources: TileSources): Tile[] {
  const others = sources.members.filter(({ you }) => !you);
  const screens = others.filter(({ screen }) => screen).map((member) => remote(sources, member, "screen"));
  const cameras = others.map((member) => remote(sources, member, "camera"));
  const you = sources.members.find((member) => member.you);
  return [...screens, ...(you === undefined ? [] : ownScreen(sources, you)), ...cameras, own(sources, you)];
}

function remote(sources: TileSources, member: Member, kind: "camera" | "screen"): Tile {
  const picture = sources.picture(member.index, kind);
  const id = `${member.index}/${kind}`;
  const hidden = sources.shown !== undefined && !sources.shown.has(id);
  const { state, reason, seconds } = remoteState(sources, member, picture, kind, hidden);
  const seen = state === "playing" || reason === "frozen";
  return {
    id,
    kind,
    member: member.index,
    name: member.name,
    state,
    reason,
    seconds,
    media: seen ? picture.media : picture.sound,
    speaking: kind === "camera" && member.speaking,
    micOn: member.mic,
    layer: picture.condition?.layer,
  };
}

function remoteState(
  { now, seatUntil }: TileSources,
  member: Member,
  picture: Picture,
  kind: "camera" | "screen",
  hidden: boolean,
): Shown {
  if (member.away) {
    const until = seatUntil.get(member.index);
    const left = until === undefined ? undefined : { seconds: Math.max(0, Math.ceil((until - now) / 1000)) };
    return { state: "waiting", reason: "reconnecting", ...left };
  }
  if (kind === "camera" && !member.camera) {
    return { state: "off", reason: "camera-off" };
  }
  if (hidden) {
    return { state: "waiting", reason: "paused-hidden" };
  }
  return sealedState(now, picture);
}

/** The state of a picture that should be there. */
function sealedState(now: number, { announced, sending, condition }: Picture): Shown {
  if (sending === "codec") {
    return { state: "no-key", reason: "codec" };
  }
  if (!announced || condition === undefined) {
    return { state: "waiting", reason: "connecting" };
  }
  const noKey = condition.noKeySince === undefined ? 0 : now - condition.noKeySince;
  if (noKey >= noKeyMs) {
    const seconds = Math.floor(noKey / 1000);
    return { state: "no-key", reason: noKey >= noKeyLongMs ? "no-key-long" : "no-key", seconds };
  }
  if (condition.refusedSince !== undefined && now - condition.refusedSince >= noKeyMs) {
    return { state: "no-key", reason: "refused" };
  }
  if (sending === "bandwidth") {
    return { state: "waiting", reason: "paused-bandwidth" };
  }
  if (!condition.revealed || condition.lastOpened === undefined) {
    return { state: "waiting", reason: "connecting", seconds: Math.floor((now - condition.since) / 1000) };
  }
  const still = now - condition.lastOpened;
  if (still >= frozenMs) {
    return { state: "waiting", reason: "frozen", seconds: Math.floor(still / 1000) };
  }
  return { state: "playing" };
}

function own({ self }: TileSources, you: Member | undefined): Tile {
  const off: Shown = { state: "off", reason: self.cameraMissing ? "no-camera" : "camera-off" };
  const { state, reason, seconds }: Shown =
    self.cameraOn && self.media !== undefined ? { state: "playing" } : off;
  return {
    id: "self",
    kind: "self",
    member: you?.index,
    name: you?.name ?? self.name,
    state,
    reason,
    seconds,
    media: state === "playing" ? self.media : undefined,
    speaking: you?.speaking ?? false,
    micOn: self.micOn,
    layer: undefined,
  };
}

/** A still card that says what is shared; one's own screen within itself would have no end. */
function ownScreen({ self }: TileSources, you: Member): Tile[] {
  if (!self.sharing) {
    return [];
  }
  return [
    {
      id: `${you.index}/screen`,
      kind: "screen",
      member: you.index,
      name: you.name,
      state: "playing",
      reason: undefined,
      seconds: undefined,
      media: undefined,
      speaking: false,
      micOn: self.micOn,
      layer: undefined,
    },
  ];
}
