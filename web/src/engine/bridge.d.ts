/**
 * The door between the page and the Go code in conclave.wasm: the one
 * description of `globalThis.conclave`. docs/protocol.md says what is behind it.
 *
 * Every method of a meeting takes the time (`Date.now()`) first and returns
 * what is to be done and shown, in order; the caller carries all of it out
 * before it calls again. No method throws or rejects: what went wrong is
 * returned as a `DoorError`, so check `"code" in result` first.
 */

/** An error. `unknown` is a fault of ours; the message is for logs, not for people. */
export interface DoorError {
  readonly code:
    | "link-wrong" // the invite link is incomplete or changed
    | "name" // the name must have 1 to 64 bytes
    | "over" // the meeting was left or has failed
    | "away" // no seat or no connection now: ask again after `joined` or `reconnected`
    | "too-large" // a text or a description is over its limit
    | "outbox-full" // too many messages wait to be sent
    | "argument" // an argument is missing or has the wrong type
    | "unknown";
  readonly message: string;
}

export interface OutSend { readonly kind: "send"; readonly frame: Uint8Array<ArrayBuffer> }
/** Open a new socket after the delay, then call `connected`, or `disconnected` if that did not work. */
export interface OutConnect { readonly kind: "connect"; readonly delayMs: number }
/** Close the socket after what was sent; report nothing more of it, neither frames nor its end. */
export interface OutClose { readonly kind: "close" }

export interface OutJoined {
  readonly kind: "joined";
  readonly seat: number;
  readonly limit: number;
  readonly iceServers: readonly { readonly urls: readonly string[]; readonly username: string; readonly credential: string }[];
  /** False: a new seat, so all peer connections are made anew. */
  readonly resumed: boolean;
  readonly graceMs: number;
}

export interface OutMember {
  readonly index: number;
  readonly seat: number;
  /** First 16 hexadecimal digits of the announcement hash. */
  readonly device: string;
  readonly name: string;
  readonly class: "native" | "web" | "robot";
  readonly you: boolean;
  readonly owner: boolean;
  readonly away: boolean;
  readonly mic: boolean;
  readonly camera: boolean;
  readonly screen: boolean;
  readonly hand: boolean;
}

/** All members in order of succession; no members while this device waits for its first key. */
export interface OutRoster {
  readonly kind: "roster";
  readonly epoch: number;
  readonly self: number;
  readonly owner: number;
  readonly members: readonly OutMember[];
  readonly joining: number;
}

/** 0 microphone, 1 camera, 2 screen, 4 screen audio. */
export type MediaContext = 0 | 1 | 2 | 4;

export interface OutSendKey {
  readonly context: MediaContext;
  readonly kid: bigint;
  readonly key: Uint8Array<ArrayBuffer>;
  readonly salt: Uint8Array<ArrayBuffer>;
}
export interface OutReceiveKey extends OutSendKey {
  /** The member whose frames this key opens. */
  readonly index: number;
}

/** The keys of a new epoch; those before open what is received for `previousForMs` more. */
export interface OutKeys {
  readonly kind: "keys";
  readonly epoch: number;
  readonly self: number;
  readonly send: readonly OutSendKey[];
  readonly receive: readonly OutReceiveKey[];
  readonly previousForMs: number;
}

/**
 * This device has dropped its group: all media keys are worth nothing from now
 * on, for sealing and for opening. Others may follow with the next `keys`.
 */
export interface OutKeysGone { readonly kind: "keysGone" }

export type StreamKind = "microphone" | "camera" | "screen" | "screen-audio";

export interface OutStream {
  readonly stream: number;
  readonly seat: number;
  /** The member that must have sealed it: refuse frames with a key id of another. */
  readonly index: number;
  readonly kind: StreamKind;
  readonly codec: string;
  readonly active: boolean;
}
export interface OutStreams { readonly kind: "streams"; readonly streams: readonly OutStream[] }

export interface OutPublished { readonly kind: "published"; readonly sdp: string }
/** The server could not use the last `publish`; the message is for logs. */
export interface OutPublishFailed { readonly kind: "publishFailed"; readonly message: string }

export interface OutSlot { readonly mid: string; readonly stream: number }
export interface OutSubscribeOffer {
  readonly kind: "subscribeOffer";
  readonly generation: number;
  readonly sdp: string;
  readonly slots: readonly OutSlot[];
}
export interface OutSlots { readonly kind: "slots"; readonly slots: readonly OutSlot[] }

export interface OutStreamState {
  readonly stream: number;
  readonly reason: "sending" | "bandwidth" | "no-packets" | "wait-key-frame" | "codec" | "unknown";
  readonly spatial: number;
  readonly temporal: number;
  /** The server's estimate of the bandwidth towards this device, bit/s. */
  readonly estimate: number;
}
export interface OutStreamStates { readonly kind: "streamStates"; readonly states: readonly OutStreamState[] }
/** Members whose microphones are forwarded, loudest first. */
export interface OutSpeakers { readonly kind: "speakers"; readonly indexes: readonly number[] }

/** A message to show. Own messages come at once, before `chatSent`. */
export interface OutChat {
  readonly kind: "chat";
  readonly id: string;
  readonly index: number;
  readonly name: string;
  readonly text: string;
  readonly sentAt: number;
  readonly you: boolean;
}
export interface OutChatSent { readonly kind: "chatSent"; readonly id: string }
export interface OutChatFailed { readonly kind: "chatFailed"; readonly id: string }

/** The end. `limit` comes with room-full. */
export interface OutFailed {
  readonly kind: "failed";
  readonly code: "link-wrong" | "link-expired" | "room-full" | "lost" | "downgrade" | "other-device" | "unknown";
  readonly limit?: number;
}
export interface OutReconnecting { readonly kind: "reconnecting"; readonly untilMs: number }
export interface OutReconnected { readonly kind: "reconnected" }
export interface OutLeft { readonly kind: "left"; readonly reason: "self" | "ended" | "removed" }
/** An attack was refused. After `fork` this device joins again with new keys by itself. */
export interface OutAlarm { readonly kind: "alarm"; readonly id: "ghost" | "fork" | "tamper"; readonly index?: number }

export type Output =
  | OutSend | OutConnect | OutClose | OutJoined | OutRoster | OutKeys | OutKeysGone | OutStreams | OutPublished | OutPublishFailed
  | OutSubscribeOffer | OutSlots | OutStreamStates | OutSpeakers | OutChat | OutChatSent | OutChatFailed
  | OutFailed | OutReconnecting | OutReconnected | OutLeft | OutAlarm;

export type Outputs = readonly Output[] | DoorError;

export interface PublishedStream { readonly mid: string; readonly kind: StreamKind; readonly active: boolean }
export interface ViewItem {
  readonly stream: number;
  readonly width: number;
  readonly height: number;
  readonly priority: 1 | 2 | 3;
}
export interface OwnState { readonly mic: boolean; readonly camera: boolean; readonly screen: boolean; readonly hand: boolean }

/** One participant of one meeting. */
export interface MeetingHandle {
  /** The first outputs, right after `newMeeting`. */
  poll(): Outputs;
  /** When to call `tick` next, as `Date.now()` will read; undefined: not at all. */
  wake(): number | undefined;
  connected(now: number): Outputs;
  disconnected(now: number): Outputs;
  receive(now: number, frame: Uint8Array): Outputs;
  tick(now: number): Outputs;
  sendChat(now: number, text: string): Outputs;
  retryChat(now: number, id: string): Outputs;
  setState(now: number, state: OwnState): Outputs;
  publish(now: number, sdp: string, streams: readonly PublishedStream[]): Outputs;
  answerSubscribe(now: number, generation: number, sdp: string): Outputs;
  view(now: number, items: readonly ViewItem[]): Outputs;
  requestKeyFrame(now: number, stream: number): Outputs;
  restartSubscribe(now: number): Outputs;
  leave(now: number): Outputs;
  /**
   * Hands out `count` frame counters of a context, from `from` up to, but not including, `to`. None
   * is ever handed out twice: a frame worker that is started again asks for new ones, also when the
   * epoch is the same. `away` before the first `keys`.
   */
  lease(context: MediaContext, count: number): { readonly from: bigint; readonly to: bigint } | DoorError;
  /** Frees what the Go side holds; no other method may be called after it. */
  dispose(): void;
}

export interface ConclaveDoor {
  /** Makes an invite link `base/m/MEETING#SECRET`; nothing is sent. */
  newLink(base: string): { readonly url: string; readonly meeting: string } | DoorError;
  parseLink(url: string): { readonly meeting: string } | DoorError;
  /** `create`: this device made the link and may begin the meeting. */
  newMeeting(options: { readonly url: string; readonly create: boolean; readonly name: string }): MeetingHandle | DoorError;
}

declare global {
  /** Set by conclave.wasm before its `conclaveReady` callback, if one is set, is called. */
  // eslint-disable-next-line no-var
  var conclave: ConclaveDoor | undefined;
  // eslint-disable-next-line no-var
  var conclaveReady: (() => void) | undefined;
}
