import type {
  DoorError,
  OutClose,
  OutConnect,
  OutKeys,
  OutKeysGone,
  Output,
  OutSend,
  OwnState,
  PublishedStream,
  ViewItem,
} from "../bridge.d.ts";

/*
 * Everything that the page and the session worker say to each other. Keys are
 * not among it: they go from the session worker to the media worker.
 */

/** What the meeting says that is for the page: all but the socket's business and the keys. */
export type PageOutput = Exclude<Output, OutSend | OutConnect | OutClose | OutKeys | OutKeysGone>;

/** From the page. */
export type ToSession =
  | { readonly kind: "new-link"; readonly request: number; readonly base: string }
  | { readonly kind: "parse-link"; readonly request: number; readonly url: string }
  | { readonly kind: "open"; readonly url: string; readonly create: boolean; readonly name: string }
  /** The port to the media worker of a stay. Stays are counted by `joined` with a new seat, from 1. */
  | { readonly kind: "keys-to"; readonly stay: number; readonly port: MessagePort }
  /** The media worker of a stay has ended: another may get its keys. */
  | { readonly kind: "media-gone"; readonly stay: number }
  | { readonly kind: "chat"; readonly text: string }
  | { readonly kind: "retry-chat"; readonly id: string }
  | { readonly kind: "state"; readonly state: OwnState }
  | { readonly kind: "publish"; readonly sdp: string; readonly streams: readonly PublishedStream[] }
  | { readonly kind: "answer"; readonly generation: number; readonly sdp: string }
  | { readonly kind: "view"; readonly items: readonly ViewItem[] }
  | { readonly kind: "key-frame"; readonly stream: number }
  | { readonly kind: "restart-subscribe" }
  | { readonly kind: "leave" };

/** What the page may ask of an open meeting. */
export type Command = Exclude<
  ToSession,
  { readonly kind: "new-link" | "parse-link" | "open" | "keys-to" | "media-gone" }
>;

/** An invite link that is whole. */
export interface Link {
  readonly url: string;
  readonly meeting: string;
}

/** To the page. */
export type FromSession =
  | { readonly kind: "ready" }
  | { readonly kind: "broken"; readonly message: string }
  /** Keys could not be handed on. The media worker has none any more, and the seat is given up. */
  | { readonly kind: "keys-broken" }
  | { readonly kind: "link"; readonly request: number; readonly link: Link | DoorError }
  | { readonly kind: "output"; readonly output: PageOutput }
  /** New keys are on their way to the media worker. */
  | { readonly kind: "epoch"; readonly epoch: number; readonly self: number }
  | { readonly kind: "refused"; readonly command: Command["kind"] | "open"; readonly error: DoorError };
