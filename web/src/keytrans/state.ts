import { hex } from "./bytes.ts";
import { Reader } from "./reader.ts";
import type { Checkpoint } from "./tree.ts";

/** What a client stores of a server's head. */
export interface Head extends Checkpoint {
  note: Uint8Array;
  time: bigint;
}

export interface Label {
  version: number;
  label: Uint8Array;
  commitment: Uint8Array | undefined;
}

/** What a client stores of a user. */
export interface UserState {
  user: Uint8Array;
  version: number;
  record: Uint8Array;
  identityKey: Uint8Array;
  labels: Label[];
  accepted: { index: bigint; time: bigint };
  checked: { index: bigint; time: bigint };
  checkedVersion: number;
  confirmed: boolean;
}

export interface State {
  head: Head | undefined;
  users: Map<string, UserState>;
  handles: Map<string, Uint8Array>;
}

export function parseHead(bytes: Uint8Array): Head {
  const r = new Reader(bytes);
  if (r.uint(1) !== 1) {
    throw new Error("a head of another format");
  }
  const head = { size: r.uint64(), root: r.fixed(32), note: r.vector(16 << 10), time: r.uint64() };
  r.done();
  return head;
}

export function parseUserState(bytes: Uint8Array): UserState {
  const r = new Reader(bytes);
  if (r.uint(1) !== 1) {
    throw new Error("a user of another format");
  }
  const [user, version, record, identityKey] = [r.fixed(16), r.uint(4), r.fixed(32), r.fixed(32)];
  const labels = r.list(4 + 32 + 1 + 32 + 80, 64).map((b) => {
    const l = new Reader(b);
    const [number, label, exists, commitment] = [l.uint(4), l.fixed(32), l.flag(), l.fixed(32)];
    return { version: number, label, commitment: exists ? commitment : undefined };
  });
  const accepted = { index: r.uint64(), time: r.uint64() };
  const checked = { index: r.uint64(), time: r.uint64() };
  const [checkedVersion, confirmed] = [r.uint(4), r.flag()];
  r.vector(256 << 10); // the proof
  r.done();
  return { user, version, record, identityKey, labels, accepted, checked, checkedVersion, confirmed };
}

/** The users of a state by id. */
export function byUser(users: UserState[]): Map<string, UserState> {
  return new Map(users.map((u) => [hex(u.user), u]));
}
