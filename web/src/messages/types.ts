/*
 * The messages of this device as a page sees them. Times are milliseconds since
 * 1970, ids are hexadecimal digits. Text is what somebody wrote: never markup.
 */

export type ConversationKind = "direct" | "group" | "notes";

/** One line of the list of conversations. */
export interface Conversation {
  readonly id: string;
  readonly title: string;
  readonly kind: ConversationKind;
  /** Of a direct one: the other user. */
  readonly user?: string;
  readonly muted?: boolean;
  readonly pinned?: boolean;
  /** This user is no member any more. */
  readonly left?: boolean;
  readonly draft?: string;
  /** How long new messages stay, in milliseconds; absent: for good. */
  readonly disappearing?: number;
  readonly unread?: number;
  /** Sequence number up to which all is read. */
  readonly read_to?: number;
  readonly last?: Last;
  /** When the last message arrived. */
  readonly active?: number;
  /** The other one's identity was replaced and is not accepted yet. */
  readonly reset?: boolean;
}

/** A glance at the last message. */
export interface Last {
  readonly name: string;
  readonly own?: boolean;
  readonly kind: MessageKind;
  readonly text?: string;
  readonly deleted?: boolean;
  readonly state?: MessageState;
  readonly notice?: Notice;
  readonly sent: number;
}

export type MessageKind = "text" | "file" | "notice";

export type MessageState = "sending" | "sent" | "delivered" | "read" | "failed";

export interface Message {
  readonly id: string;
  /** Place in the log; absent: not at the server yet. */
  readonly seq?: number;
  /** User, and the name to show. */
  readonly from: string;
  readonly name: string;
  readonly own?: boolean;
  readonly sent: number;
  readonly kind: MessageKind;
  readonly text?: string;
  readonly reply?: Quote;
  /** This user is named in it. */
  readonly mentioned?: boolean;
  readonly file?: FileInfo;
  readonly notice?: Notice;
  readonly edited?: number;
  readonly deleted?: number;
  /** When it goes by itself. */
  readonly expires?: number;
  readonly reactions?: readonly Reaction[];
  /** Of one's own messages. */
  readonly state?: MessageState;
}

/** What a message answers. */
export interface Quote {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

/** An emoji under a message: how many put it there, and whether this user did. */
export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  readonly own?: boolean;
}

export type FileState =
  | "queued"
  | "uploading"
  | "paused"
  | "offered"
  | "downloading"
  | "done"
  | "refused"
  | "failed"
  | "expired";

export interface FileInfo {
  readonly name: string;
  /** Media type, as the sender says. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  readonly state: FileState;
  /** Bytes that are through. */
  readonly done?: number;
  /** Of sound and video, in milliseconds. */
  readonly length?: number;
}

/** What the messenger says in a conversation; `kind` is the id of the sentence. */
export interface Notice {
  readonly kind: string;
  /** Who did it. */
  readonly by?: string;
  /** Whom or what it is about. */
  readonly name?: string;
  readonly count?: number;
}

export type Role = "owner" | "admin" | "member";

export interface Member {
  readonly user: string;
  readonly handle: string;
  readonly name: string;
  readonly role: Role;
  readonly devices: number;
  readonly own?: boolean;
}

/** Somebody who could not be added, and the code why. */
export interface Refused {
  readonly handle: string;
  readonly code: string;
}

export type Connection = "offline" | "connecting" | "online";

/** What changed: read it again. `kind` "typing" says only who writes. */
export interface MessageNews {
  readonly kind: "conversation" | "message" | "typing" | "state" | "trouble";
  readonly conversation?: string;
  readonly name?: string;
  readonly state?: Connection;
}

export interface Page {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** There are older ones. */
  readonly more: boolean;
}

/** What is kept of a conversation on this user's devices. */
export interface Settings {
  readonly draft?: string;
  readonly muted?: boolean;
  readonly pinned?: boolean;
  readonly disappearing?: number;
}

/** The messenger of this device. Each call rejects with an AccountError. */
export interface MessagesClient {
  connection(): Connection;
  /** Pinned ones first, then by their last message. */
  conversations(): Promise<readonly Conversation[]>;
  /** The newest messages, or those before a message; `before` may be empty. */
  messages(conversation: string, before: string, limit: number): Promise<Page>;
  /** Messages with all the words, newest first; `conversation` may be empty. */
  search(conversation: string, words: string, limit: number): Promise<readonly Found[]>;
  /** The conversation with a person, made if there is none. */
  direct(handle: string): Promise<string>;
  group(name: string, handles: readonly string[]): Promise<{ readonly id: string; readonly refused: readonly Refused[] }>;
  members(conversation: string): Promise<readonly Member[]>;
  add(conversation: string, handles: readonly string[]): Promise<readonly Refused[]>;
  remove(conversation: string, user: string): Promise<void>;
  leave(conversation: string): Promise<void>;
  setRole(conversation: string, user: string, role: Role): Promise<void>;
  /** Kept on this device when it returns; it goes when the server can be reached. */
  send(conversation: string, text: string, replyTo: string): Promise<void>;
  edit(conversation: string, message: string, text: string): Promise<void>;
  delete(conversation: string, message: string): Promise<void>;
  react(conversation: string, message: string, emoji: string, on: boolean): Promise<void>;
  retry(conversation: string, message: string): Promise<void>;
  typing(conversation: string): Promise<void>;
  /** All up to a sequence number is read. */
  read(conversation: string, seq: number): Promise<void>;
  set(conversation: string, settings: Settings): Promise<void>;
  /** Waits for news, half a minute at most; empty: nothing came. */
  next(): Promise<readonly MessageNews[]>;
  /** Sends a file; absent where files cannot be sent yet. */
  attach?(conversation: string, file: File): Promise<void>;
  /** Fetches, checks and saves the file of a message. */
  save?(conversation: string, message: string): Promise<void>;
  /** Ends the sending or fetching of a file. */
  cancel?(conversation: string, message: string): Promise<void>;
  dispose(): void;
}

/** A message that a search found. */
export interface Found {
  readonly conversation: string;
  readonly message: Message;
}
