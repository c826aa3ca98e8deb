import type { Context } from "../sframe/kid.ts";

/*
 * Everything that is said to and by the media worker. It has two
 * neighbours: the page, which says what each slot is for and reads figures,
 * and the session worker, from which the keys come. The page has no key.
 */

declare const brand: unique symbol;

/** One transform: a sender of the publishing or an m-line of the receiving peer connection. */
export type SlotId = string & { readonly [brand]: "SlotId" };

/** Makes a slot id; unique for the life of a media worker. */
export function slotId(direction: "send" | "receive", connection: number, mid: string | number): SlotId {
  return `${direction}/${connection}/${mid}` as SlotId;
}

/** The options of an RTCRtpScriptTransform. */
export type SlotOptions =
  | { readonly kind: "send"; readonly slot: SlotId; readonly context: Context }
  | { readonly kind: "receive"; readonly slot: SlotId };

/** What a receiving slot may carry; every other frame is refused. */
export interface Expectation {
  /** Counts up with every change of one slot, so that late news can be told apart. */
  readonly assignment: number;
  readonly index: number;
  readonly context: Context;
  /** Whether the m-line has the dependency descriptor, so that the receiver's metadata names a layer. */
  readonly descriptor: boolean;
}

/** From the page. */
export type ToMedia =
  | { readonly kind: "keys-from"; readonly port: MessagePort }
  | { readonly kind: "expect"; readonly slot: SlotId; readonly expectation: Expectation }
  | { readonly kind: "idle"; readonly slot: SlotId }
  | { readonly kind: "count"; readonly request: number };

/** To the page. */
export type FromMedia =
  | { readonly kind: "ready" }
  | { readonly kind: "counts"; readonly request: number | undefined; readonly slots: readonly SlotCounts[] }
  | {
      readonly kind: "first";
      readonly slot: SlotId;
      readonly assignment: number;
      readonly rtpTimestamp: number | undefined;
    };

/** Counts of one slot since its transform began. */
export interface SlotCounts {
  readonly slot: SlotId;
  readonly assignment: number;
  /** Frames and bytes handed on, to the packetiser or to the decoder. */
  readonly passed: number;
  readonly passedBytes: number;
  readonly sealed: number;
  readonly opened: number;
  /** Frames that did not open although their key is there. */
  readonly errors: number;
  readonly replays: number;
  /** Frames of another sender, stream or layer than announced. */
  readonly refused: number;
  /** Frames that waited for a key. */
  readonly held: number;
  /** Frames dropped because no key came, or, when sending, none was there. */
  readonly noKey: number;
  /** Frames dropped for another reason: malformed, unknown codec, too many waiting. */
  readonly dropped: number;
  /** The highest layer of the last quarter to half second, authenticated by its seal. */
  readonly layer: { readonly spatial: number; readonly temporal: number } | undefined;
}

/** A range of counters that nobody else has: from `next`, below `end`. */
export interface Lease {
  readonly next: bigint;
  readonly end: bigint;
}

/** The key that this device seals one context with. */
export interface SendKey {
  readonly context: Context;
  readonly kid: bigint;
  readonly key: CryptoKey;
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly lease: Lease;
}

/** A key that opens the frames of one member and context. */
export interface ReceiveKey {
  readonly kid: bigint;
  readonly key: CryptoKey;
  readonly salt: Uint8Array<ArrayBuffer>;
  /** Counters below were opened by an earlier media worker. */
  readonly floor: bigint;
}

/** From the session worker. */
export type KeyMessage =
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly send: readonly SendKey[];
      readonly receive: readonly ReceiveKey[];
      /** How long keys of the epochs before still open frames. */
      readonly previousForMs: number;
      /** Whether someone joined, who can show nothing before a key frame. */
      readonly joined: boolean;
    }
  | { readonly kind: "lease"; readonly epoch: number; readonly kid: bigint; readonly lease: Lease }
  /** All keys are worth nothing from now on. Answered by `dropped`. */
  | { readonly kind: "drop" };

/** To the session worker. */
export type KeyRequest =
  | { readonly kind: "lease"; readonly epoch: number; readonly kid: bigint }
  | { readonly kind: "opened"; readonly newest: readonly OpenedCounter[] }
  /** Whatever was said before is about keys that are gone now. */
  | { readonly kind: "dropped" }
  /** A message could not be read. All keys were dropped, for it may have had new ones. */
  | { readonly kind: "unreadable" };

/** The newest counter opened with one key. */
export interface OpenedCounter {
  readonly epoch: number;
  readonly kid: bigint;
  readonly newest: bigint;
}
