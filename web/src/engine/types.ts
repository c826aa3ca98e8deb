/**
 * What the user interface sees of a call. The engine (workers, peer
 * connections) fills it; components only render it and call its commands.
 * Nothing here holds a key.
 */

declare const brand: unique symbol;
/** A member's sender index in the current epoch, stable while it stays. */
export type MemberIndex = number & { readonly [brand]: "MemberIndex" };
/** A stream of the meeting; never reused. */
export type StreamId = number & { readonly [brand]: "StreamId" };

/** Ids of fatal and non-fatal texts, as in the table of words. */
export type FailureCode =
  | "link-wrong" | "link-expired" | "room-full" | "lost" | "downgrade" | "transport"
  | "no-insertable" | "other-tab" | "second-meeting" | "removed" | "unknown";

export type DeviceProblem = "no-camera" | "no-mic" | "denied" | "device-busy" | "device-gone";

export type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "joining"; readonly since: number }
  | { readonly kind: "waiting-for-key"; readonly since: number }
  | { readonly kind: "in-call"; readonly since: number }
  | { readonly kind: "reconnecting"; readonly since: number; readonly until: number }
  | { readonly kind: "left"; readonly reason: "self" | "ended" | "removed" }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly limit?: number; readonly detail?: string };

export interface Member {
  readonly index: MemberIndex;
  readonly name: string;
  /** First 16 hex digits of the announcement hash: for display under Details. */
  readonly device: string;
  readonly deviceClass: "native" | "web" | "robot";
  readonly you: boolean;
  readonly owner: boolean;
  readonly away: boolean;
  readonly mic: boolean;
  readonly camera: boolean;
  readonly screen: boolean;
  readonly hand: boolean;
  readonly speaking: boolean;
}

export type TileKind = "camera" | "screen" | "self";
export type TileState = "playing" | "waiting" | "no-key" | "off";

/** Why a tile shows no picture; the component turns it into words. */
export type TileReason =
  | "connecting" | "paused-bandwidth" | "paused-hidden" | "reconnecting" | "frozen"
  | "no-key" | "no-key-long" | "refused" | "codec" | "camera-off" | "no-camera";

export interface Tile {
  /** Stable key for lists: "3/camera", "self". */
  readonly id: string;
  readonly kind: TileKind;
  readonly member: MemberIndex | undefined;
  readonly name: string;
  readonly state: TileState;
  readonly reason: TileReason | undefined;
  /** Seconds for reasons that count. */
  readonly seconds: number | undefined;
  readonly media: MediaStream | undefined;
  readonly speaking: boolean;
  readonly micOn: boolean;
  /** Layer shown, authenticated by the seal; undefined before the first frame. */
  readonly layer: { readonly spatial: number; readonly temporal: number } | undefined;
}

export interface ChatMessage {
  readonly id: string;
  readonly index: MemberIndex | undefined;
  readonly name: string;
  readonly text: string;
  readonly sentAt: number;
  readonly you: boolean;
  readonly delivery: "sending" | "sent" | "failed";
}

export interface Devices {
  readonly microphones: readonly MediaDeviceInfo[];
  readonly cameras: readonly MediaDeviceInfo[];
  readonly speakers: readonly MediaDeviceInfo[];
  readonly microphone: string | undefined;
  readonly camera: string | undefined;
  readonly speaker: string | undefined;
  readonly problem: DeviceProblem | undefined;
}

/** Counts since the call began; also shown under Details. */
export interface Counters {
  readonly framesSealed: number;
  readonly framesOpened: number;
  readonly decryptErrors: number;
  readonly replaysRefused: number;
  readonly framesHeld: number;
}

export interface CallState {
  readonly phase: Phase;
  readonly epoch: number;
  readonly epochSince: number;
  readonly members: readonly Member[];
  readonly joining: number;
  readonly tiles: readonly Tile[];
  readonly chat: readonly ChatMessage[];
  readonly devices: Devices;
  /** What the switches show: on from the wish on, until the device cannot be opened. */
  readonly micOn: boolean;
  readonly cameraOn: boolean;
  readonly sharing: boolean;
  readonly handRaised: boolean;
  /** Level of the own microphone, 0 to 1. */
  readonly micLevel: number;
  readonly quality: "good" | "fair" | "poor" | "lost";
  readonly shield: "unverified" | "exposed" | "verified";
  readonly alarms: readonly { readonly id: "ghost" | "fork" | "tamper"; readonly name: string | undefined; readonly at: number }[];
  readonly counters: Counters;
  readonly linkUrl: string;
  readonly limit: number;
}

/** How large each tile is drawn, in device pixels; absent tiles are not subscribed to. */
export interface ShownTile {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly priority: 1 | 2 | 3;
}

export type Codec = "VP9" | "AV1" | "VP8" | "H264";

/**
 * One call from the pre-join page to leaving. Created for one link; `dispose`
 * ends everything it started. `subscribe` calls back at once and then on each
 * change, at most once an animation frame.
 */
export interface CallEngine {
  readonly state: CallState;
  subscribe(listener: (state: CallState) => void): () => void;
  /** Opens camera and microphone for the pre-join page. Never rejects: see devices.problem. */
  preview(): Promise<void>;
  useDevice(kind: "microphone" | "camera" | "speaker", deviceId: string): Promise<void>;
  join(name: string): Promise<void>;
  setMic(on: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  shareScreen(on: boolean): Promise<void>;
  setHand(up: boolean): void;
  sendChat(text: string): void;
  retryChat(id: string): void;
  show(tiles: readonly ShownTile[]): void;
  /** Asks the sender of a tile for its key and a key frame again. */
  askAgain(tileId: string): void;
  /** Leaves and joins again with new keys. */
  rejoin(): Promise<void>;
  leave(): Promise<void>;
  dispose(): void;
}

/** Makes a new meeting link on this device; nothing is sent. */
export type NewLink = () => Promise<string>;
export interface EngineOptions {
  readonly url: string;
  /** Whether this device made the link and may create the meeting. */
  readonly create: boolean;
  readonly codec: Codec;
}
export type CreateEngine = (options: EngineOptions) => Promise<CallEngine>;
