import { ladder, verifyBatch } from "./map.ts";
import { malformed, Refusal, wrong } from "./reader.ts";
import type { Label, State, UserState } from "./state.ts";
import { included } from "./tree.ts";
import { accept, type Accepted, checkSteps, Labels, type Pins } from "./verifier.ts";
import { merge } from "./lookup.ts";
import { type Checked, type Epoch, type MonitorRequest, parseEpoch, parseMonitorResponse } from "./wire.ts";

export interface MonitorResult extends Accepted {
  version: number;
  more: boolean;
  user: UserState;
}

function hourOf(time: bigint): bigint {
  return time / 3_600_000n;
}

/** Judges an answer to q about a user who is known. Throws a Refusal. */
export function monitor(
  pinned: Pins,
  st: State,
  known: UserState,
  q: MonitorRequest,
  answer: Uint8Array,
  now: bigint,
): MonitorResult {
  const a = parseMonitorResponse(answer);
  const accepted = accept(pinned, st.head, a.header, now);
  if (a.epochs.length > q.most) {
    malformed("more epochs than were asked for");
  }
  const labels = new Labels(
    pinned,
    q.user,
    known.labels.filter((l) => q.cached.includes(l.version)),
    a.vrfs,
  );
  const late = !q.owner && known.accepted.index > known.checked.index;
  let at = late ? known.accepted : known.checked;
  let greatest = q.owner ? known.checkedVersion : known.version;
  let newest: Label[] = [];
  for (const c of a.epochs) {
    const e = next(accepted, at, c);
    if (!q.owner && c.version !== q.version) {
      malformed("another version than the pinned");
    }
    const steps = q.owner ? ladder(c.version) : [{ version: c.version, exists: true }];
    const floor = q.owner && e.index >= known.accepted.index ? Math.max(greatest, known.version) : greatest;
    newest = labels.of(steps);
    const found = verifyBatch(
      c.proof,
      e.mapRoot,
      newest.map((l) => l.label),
    );
    checkSteps(steps, newest, found, floor);
    greatest = Math.max(greatest, c.version);
    at = e;
  }
  labels.done();
  const more = hourOf(at.time) !== hourOf(accepted.epoch.time);
  if (more && a.epochs.length < q.most) {
    wrong("an epoch was left out", "MS-08");
  }
  const pinnedRungs = ladder(known.version)
    .map((s) => known.labels.find((l) => l.version === s.version))
    .filter((l) => l !== undefined && !newest.some((n) => n.version === l.version)) as Label[];
  const user: UserState = {
    ...known,
    checked: { index: at.index, time: at.time },
    checkedVersion: q.owner ? greatest : known.checkedVersion,
    confirmed: known.confirmed || (a.epochs.length > 0 && (!q.owner || at.index >= known.accepted.index)),
    labels: merge(known, [...newest, ...pinnedRungs].slice(0, 64)),
  };
  return { ...accepted, version: Math.max(greatest, known.version), more, user };
}

/** Checks that c is the first epoch of the next hour after at. */
function next(accepted: Accepted, at: { index: bigint; time: bigint }, c: Checked): Epoch {
  const [before, e] = [parseEpoch(c.before), parseEpoch(c.epoch)];
  if (before.index < at.index || before.index + 1n !== e.index) {
    wrong("epochs that do not come next", "MS-08");
  }
  if (
    !included(accepted.head, before.index, c.before, c.beforeInclusion) ||
    !included(accepted.head, e.index, c.epoch, c.inclusion)
  ) {
    wrong("an epoch that is not in the log");
  }
  if (before.time < at.time || e.time < before.time || e.time > accepted.epoch.time) {
    throw new Refusal("proof", "MS-43", "time went back");
  }
  if (hourOf(before.time) !== hourOf(at.time) || hourOf(e.time) === hourOf(before.time)) {
    wrong("not the next distinguished epoch", "MS-08");
  }
  return e;
}
