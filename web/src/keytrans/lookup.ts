import { equal, hash, hex, isZero } from "./bytes.ts";
import { follows, type IdentityRecord, parseRecord, verifyRecord } from "./identity.ts";
import { commitTo, type Found, ladder, type Step, verifyBatch } from "./map.ts";
import { malformed, Refusal, wrong } from "./reader.ts";
import type { Label, State, UserState } from "./state.ts";
import { accept, type Accepted, checkSteps, Labels, type Pins } from "./verifier.ts";
import { handles, label } from "./vrf.ts";
import { type LookupRequest, type LookupResponse, parseLookupResponse } from "./wire.ts";

export interface LookupResult extends Accepted {
  version: number;
  reset: boolean;
  user: UserState | undefined;
}

/** Judges an answer to q. Throws a Refusal. */
export function lookup(
  pinned: Pins,
  st: State,
  q: LookupRequest,
  answer: Uint8Array,
  now: bigint,
): LookupResult {
  const a = parseLookupResponse(answer);
  const accepted = accept(pinned, st.head, a.header, now);
  checkShape(st, q, a);
  const known = st.users.get(hex(a.user));
  const own = a.handle && label(pinned.vrfKey, handles, q.name, 0, a.handle.vrf);
  const steps = a.found ? ladder(a.version) : a.handle ? [] : [{ version: 0, exists: false }];
  const cached = known?.labels.filter((l) => q.cached.includes(l.version)) ?? [];
  const labels = new Labels(pinned, a.user, cached, a.vrfs);
  const rungs = labels.of(steps);
  labels.done();
  for (const rung of rungs) {
    rung.commitment ??= known?.labels.find((l) => l.version === rung.version)?.commitment;
  }
  const all = [...(own ? [own] : []), ...rungs.map((r) => r.label)];
  const found = verifyBatch(a.proof, accepted.epoch.mapRoot, all);
  if (own) {
    checkHandle(st, q, a, own, found.shift());
  }
  checkSteps(steps, rungs, found, known ? Math.max(known.version, known.checkedVersion) : -1);
  if (!a.found) {
    return { ...accepted, version: 0, reset: false, user: undefined };
  }
  const record = checkValue(a, steps, rungs, found);
  const { key, reset } = checkRecords(q, a, known);
  return {
    ...accepted,
    version: a.version,
    reset,
    user: remember(a, accepted, known, rungs, hash(record), key),
  };
}

/** Checks that the parts of an answer go together. */
function checkShape(st: State, q: LookupRequest, a: LookupResponse): void {
  const nobody = isZero(a.user);
  const pinnedUser = st.handles.get(new TextDecoder().decode(q.name));
  if ((q.kind === 1) !== (a.handle !== undefined)) {
    malformed("the answer is to another kind of question");
  }
  if (a.handle && !equal(a.handle.user, a.user)) {
    wrong("two users");
  }
  if (a.handle && pinnedUser && !nobody && !equal(pinnedUser, a.user)) {
    throw new Refusal("handle-moved", "MS-16", "the handle is another's");
  }
  if (q.kind === 2 && !equal(q.name, a.user)) {
    wrong("another user");
  }
  if (!a.found && (a.version !== 0 || !isZero(a.opening) || a.records.length > 0)) {
    malformed("records of a user who has none");
  }
  if (a.handle && a.found === nobody) {
    wrong("a handle without records, or the reverse");
  }
  if (a.handle && nobody && !isZero(a.handle.opening)) {
    malformed("an opening of nothing");
  }
}

function checkHandle(st: State, q: LookupRequest, a: LookupResponse, own: Uint8Array, found: Found): void {
  const nobody = isZero(a.user);
  if (found === undefined) {
    if (st.handles.has(new TextDecoder().decode(q.name))) {
      throw new Refusal("flipflop", "MS-08", "the handle is gone");
    }
    if (!nobody) {
      wrong("the handle is not in the map");
    }
    return;
  }
  if (nobody) {
    throw new Refusal("stale", "MS-06", "the handle was hidden");
  }
  if (!equal(commitTo(a.handle?.opening ?? own, own, a.user), found)) {
    wrong("the handle is of another user in the map");
  }
}

/** Checks that the last record is the one in the map, and returns it. */
function checkValue(a: LookupResponse, steps: Step[], rungs: Label[], found: Found[]): Uint8Array {
  const record = a.records.at(-1) ?? malformed("no record");
  const i = steps.findIndex((s) => s.version === a.version);
  const value = commitTo(a.opening, rungs[i]?.label ?? record, record);
  if (!equal(value, found[i] ?? new Uint8Array())) {
    wrong("the record is not the one in the map");
  }
  return record;
}

function checkRecords(
  q: LookupRequest,
  a: LookupResponse,
  known: UserState | undefined,
): { key: Uint8Array; reset: boolean } {
  const first = q.sincePlusOne > 0 ? Math.min(a.version, q.sincePlusOne - 1) : a.version;
  if (a.records.length !== a.version - first + 1) {
    malformed("another number of records");
  }
  if (known && first === known.version) {
    if (!equal(hash(a.records[0] ?? new Uint8Array()), known.record)) {
      wrong("the pinned record is another", "MS-02");
    }
    if (a.version === known.version) {
      return { key: known.identityKey, reset: false };
    }
  }
  let before: IdentityRecord | undefined;
  let reset = false;
  a.records.forEach((encoded, i) => {
    const record = parse(encoded);
    if (record.version !== first + i || !equal(record.user, a.user)) {
      wrong("a record of another user or version");
    }
    if (a.handle && record.handle !== new TextDecoder().decode(q.name)) {
      wrong("a record of another handle", "MS-16");
    }
    if (!verifyRecord(record) || (before && !follows(before, record))) {
      if (before && !equal(before.identityKey, record.identityKey)) {
        throw new Refusal("reset", "MS-02", "another key without a reset");
      }
      throw new Refusal("ghost-device", "MS-03", "the owner did not sign");
    }
    reset ||= before !== undefined && record.reset;
    before = record;
  });
  const key = before?.identityKey ?? new Uint8Array();
  return { key, reset: known !== undefined && (reset || !equal(key, known.identityKey)) };
}

function parse(encoded: Uint8Array): IdentityRecord {
  try {
    return parseRecord(encoded);
  } catch {
    malformed("a record is malformed");
  }
}

function remember(
  a: LookupResponse,
  accepted: Accepted,
  known: UserState | undefined,
  rungs: Label[],
  record: Uint8Array,
  identityKey: Uint8Array,
): UserState {
  const here = { index: accepted.epoch.index, time: accepted.epoch.time };
  const same = known?.version === a.version;
  return {
    user: a.user,
    version: a.version,
    record,
    identityKey,
    labels: merge(known, rungs),
    accepted: same ? known.accepted : here,
    checked: known?.checked ?? here,
    checkedVersion: known?.checkedVersion ?? a.version,
    confirmed: same && known.confirmed,
  };
}

/** The labels to remember: the newest ladder's, and others that exist. */
export function merge(known: UserState | undefined, rungs: Label[]): Label[] {
  const others = (known?.labels ?? []).filter(
    (l) => l.commitment && !rungs.some((r) => r.version === l.version),
  );
  const kept = others.slice(Math.max(0, others.length - (64 - rungs.length)));
  return [...rungs, ...kept].toSorted((x, y) => x.version - y.version);
}
