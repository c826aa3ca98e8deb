import type { CallState, ChatMessage, Devices, Member, MemberIndex, Tile } from "../../engine/types.ts";

/** One state to look at. */
export interface Scene {
  readonly state: CallState;
  /** What changes when Join is pressed. */
  readonly joined?: Partial<CallState>;
  /** The engine cannot be made, with this code. */
  readonly refused?: string;
}

const device = (kind: MediaDeviceKind, label: string): MediaDeviceInfo => ({
  kind,
  label,
  deviceId: label,
  groupId: "",
  toJSON: () => ({}),
});

const devices: Devices = {
  microphones: [device("audioinput", "Built-in microphone"), device("audioinput", "Headset")],
  cameras: [device("videoinput", "Front camera")],
  speakers: [device("audiooutput", "System default"), device("audiooutput", "Headset")],
  microphone: "Built-in microphone",
  camera: "Front camera",
  speaker: undefined,
  problem: undefined,
};

const noDevices: Devices = {
  microphones: [],
  cameras: [],
  speakers: [],
  microphone: undefined,
  camera: undefined,
  speaker: undefined,
  problem: undefined,
};

const index = (n: number): MemberIndex => n as MemberIndex;
const fingerprint = (n: number): string =>
  (0x9f3ac17e0d00n + BigInt(n) * 0x1f3d5b79n).toString(16).padStart(16, "3");

function member(n: number, name: string, part: Partial<Member> = {}): Member {
  return {
    index: index(n),
    name,
    device: fingerprint(n),
    deviceClass: "web",
    you: false,
    owner: false,
    away: false,
    mic: true,
    camera: true,
    screen: false,
    hand: false,
    speaking: false,
    ...part,
  };
}

function camera(of: Member, part: Partial<Tile> = {}): Tile {
  return {
    id: of.you ? "self" : `${of.index}/camera`,
    kind: of.you ? "self" : "camera",
    member: of.index,
    name: of.name,
    state: "playing",
    reason: undefined,
    seconds: undefined,
    media: undefined,
    speaking: of.speaking,
    micOn: of.mic,
    layer: of.you ? undefined : { spatial: 2, temporal: 2 },
    ...part,
  };
}

function screenOf(of: Member, part: Partial<Tile> = {}): Tile {
  return {
    ...camera(of),
    id: `${of.index}/screen`,
    kind: "screen",
    speaking: false,
    micOn: false,
    layer: { spatial: 0, temporal: 2 },
    ...part,
  };
}

const ada = member(0, "Ada", { you: true, mic: false });
const grace = member(1, "Grace", { owner: true, speaking: true });
const kofi = member(2, "Kofi", { mic: false, hand: true });
const mei = member(3, "Mei");
const lin = member(4, "Lin");
const noor = member(5, "Noor", { mic: false, camera: false });

const off = { state: "off", reason: "camera-off", layer: undefined } as const;
const noKey = { state: "no-key", reason: "no-key", layer: undefined } as const;
const waiting = (reason: Tile["reason"], seconds?: number): Partial<Tile> => ({
  state: "waiting",
  reason,
  seconds,
  layer: undefined,
});

const minute = 60_000;
const six = [grace, kofi, mei, lin, noor, ada];

const call: CallState = {
  phase: { kind: "in-call", since: Date.now() - 24 * minute - 10_000 },
  epoch: 9,
  epochSince: Date.now() - 2 * minute,
  members: six,
  joining: 0,
  tiles: [camera(grace), camera(kofi), camera(mei), camera(lin, noKey), camera(noor, off), camera(ada)],
  chat: [],
  devices,
  micOn: false,
  cameraOn: true,
  sharing: false,
  handRaised: false,
  micLevel: 0.3,
  quality: "good",
  shield: "unverified",
  alarms: [],
  counters: {
    framesSealed: 128_204,
    framesOpened: 512_977,
    decryptErrors: 0,
    replaysRefused: 0,
    framesHeld: 3,
  },
  linkUrl: "",
  limit: 50,
};

const at = (clock: string): number => new Date(`2026-05-14T${clock}:00`).getTime();
function said(
  of: Member,
  clock: string,
  text: string,
  delivery: ChatMessage["delivery"] = "sent",
): ChatMessage {
  return {
    id: `${of.name}${clock}${text.length}`,
    index: of.index,
    name: of.name,
    text,
    sentAt: at(clock),
    you: of.you,
    delivery,
  };
}
const chat: readonly ChatMessage[] = [
  said(mei, "10:12", "The seating plan is on the screen now."),
  said(kofi, "10:15", "Row four is short one chair. I count 23."),
  said(ada, "10:16", "Good catch, I will bring one up."),
  said(grace, "10:21", "Calls are this week’s work, the brass bar."),
  said(grace, "10:22", "The grey ones come after."),
  said(ada, "10:22", "Fine by me. Can we lock the date for the audit?", "sending"),
  said(ada, "10:23", "I would take the Thursday.", "failed"),
];

const speaking = { ...call, micOn: true, members: [grace, kofi, mei, lin, { ...ada, mic: true }] };
const adaOn: Member = { ...ada, mic: true };
const withScreen: CallState = {
  ...speaking,
  tiles: [
    screenOf(grace),
    camera(grace),
    camera(kofi),
    camera(mei),
    camera(lin, waiting("connecting")),
    camera(adaOn),
  ],
};

const pre: CallState = {
  ...call,
  phase: { kind: "idle" },
  epoch: 0,
  members: [ada],
  tiles: [camera({ ...ada, name: "" })],
  micOn: true,
  counters: { ...call.counters, framesOpened: 0 },
};
const preProblem = (problem: Devices["problem"]): CallState => ({
  ...pre,
  devices: { ...(problem === "device-busy" || problem === "no-mic" ? devices : noDevices), problem },
  tiles: [
    camera(
      ada,
      problem === "no-mic"
        ? {}
        : { state: "off", reason: problem === "no-camera" ? "no-camera" : "camera-off" },
    ),
  ],
  cameraOn: problem === "no-mic",
  micOn: false,
});

const names = [
  "Grace",
  "Kofi",
  "Mei",
  "Lin",
  "Noor",
  "Amara",
  "Bjørn",
  "Chidi",
  "Daria",
  "Esra",
  "Farid",
  "Gita",
  "Hana",
  "Ilse",
];
const many = names.map((name, i) => member(i + 1, name, { speaking: i === 1, mic: i % 3 !== 2 }));
const manyTiles = (count: number): Partial<CallState> => {
  const there = many.slice(0, count);
  return {
    members: [...there, ada],
    tiles: [...there.map((m, i) => camera(m, i % 5 === 4 ? off : {})), camera(ada)],
  };
};

const reasons: readonly Partial<Tile>[] = [
  waiting("connecting"),
  waiting("paused-bandwidth"),
  waiting("reconnecting", 8),
  noKey,
  { ...noKey, reason: "no-key-long" },
  { ...noKey, reason: "refused" },
  waiting("frozen", 4),
  { ...noKey, reason: "codec" },
];

/** Every state that has words or a look of its own. */
export const scenes: Readonly<Record<string, Scene>> = {
  prejoin: { state: pre, joined: { ...call, linkUrl: "" } },
  "prejoin-joining": { state: { ...pre, phase: { kind: "joining", since: Date.now() } } },
  "prejoin-key": { state: { ...pre, phase: { kind: "waiting-for-key", since: Date.now() } } },
  "prejoin-off": { state: { ...pre, tiles: [camera(ada, off)], cameraOn: false, micOn: false } },
  "prejoin-no-camera": { state: preProblem("no-camera") },
  "prejoin-no-mic": { state: preProblem("no-mic") },
  "prejoin-denied": { state: preProblem("denied") },
  "prejoin-busy": { state: preProblem("device-busy") },
  grid: { state: { ...call, chat: chat.slice(0, 2) } },
  "grid-9": { state: { ...call, ...manyTiles(8) } },
  "grid-15": { state: { ...call, ...manyTiles(14) } },
  reasons: {
    state: {
      ...call,
      members: [...many.slice(0, 8), ada],
      tiles: [...many.slice(0, 8).map((m, i) => camera({ ...m, speaking: false }, reasons[i])), camera(ada)],
    },
  },
  speaker: { state: withScreen },
  chat: { state: { ...withScreen, chat } },
  pair: { state: { ...call, members: [grace, ada], tiles: [camera(grace), camera(ada)] } },
  alone: { state: { ...call, members: [ada], tiles: [camera(ada)], epoch: 1 } },
  phone: {
    state: {
      ...speaking,
      quality: "poor",
      tiles: [
        camera(grace),
        camera(kofi),
        camera(mei),
        camera(lin, waiting("paused-bandwidth")),
        camera(adaOn),
      ],
      chat: chat.slice(0, 2),
    },
  },
  weak: { state: { ...call, quality: "poor" } },
  sharing: {
    state: {
      ...speaking,
      sharing: true,
      tiles: [camera(grace), camera(kofi), camera(adaOn), screenOf(adaOn)],
    },
  },
  "lost-soon": {
    state: {
      ...call,
      quality: "lost",
      phase: { kind: "reconnecting", since: Date.now(), until: Date.now() + 8000 },
    },
  },
  exposed: { state: { ...call, shield: "exposed" } },
  verified: { state: { ...call, shield: "verified" } },
  alarm: {
    state: {
      ...call,
      alarms: [
        { id: "ghost", name: undefined, at: at("10:12") },
        { id: "tamper", name: "Lin", at: at("10:15") },
      ],
    },
  },
  left: { state: { ...call, phase: { kind: "left", reason: "self" } } },
  ended: { state: { ...call, phase: { kind: "left", reason: "ended" } } },
  removed: { state: { ...call, phase: { kind: "left", reason: "removed" } } },
  ...Object.fromEntries(
    (
      [
        "link-wrong",
        "link-expired",
        "lost",
        "downgrade",
        "transport",
        "no-insertable",
        "other-tab",
        "second-meeting",
        "unknown",
      ] as const
    ).map((code) => [
      code,
      {
        state: { ...call, phase: { kind: "failed", code, detail: "session worker: no answer" } },
      } satisfies Scene,
    ]),
  ),
  "room-full": { state: { ...call, phase: { kind: "failed", code: "room-full", limit: 50 } } },
  refused: { state: call, refused: "link-wrong" },
};

/** The scene of a name; without one it is the page before the call. */
export function sceneOf(name: string | null): Scene {
  const found = scenes[name ?? "prejoin"];
  if (!found) throw new Error(`no scene ${name}: there are ${Object.keys(scenes).join(", ")}`);
  return found;
}
