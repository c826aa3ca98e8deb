import { equal } from "./bytes.ts";
import type { Found, Step } from "./map.ts";
import { type Key, open, type Opened, parseKey } from "./note.ts";
import { parsePolicy, type Policy } from "./policy.ts";
import { malformed, Refusal, wrong } from "./reader.ts";
import type { Head, Label, State } from "./state.ts";
import { included, joined } from "./tree.ts";
import { label, users } from "./vrf.ts";
import { type Epoch, type Header, parseEpoch } from "./wire.ts";

const minute = 60_000n;
const day = 24n * 60n * minute;
const skew = 10n * minute;

/** Who a server is, as a client pins it. */
export interface Pins {
  origin: string;
  log: Key;
  vrfKey: Uint8Array;
  policy: Policy;
}

export function pins(origin: string, logKey: string, vrfKey: Uint8Array, policy: string): Pins {
  return { origin, log: parseKey(logKey, 1), vrfKey, policy: parsePolicy(policy) };
}

export interface Accepted {
  head: Head;
  epoch: Epoch;
  witnesses: number;
}

/** Judges what all answers begin with. */
export function accept(pinned: Pins, known: State["head"], h: Header, now: bigint): Accepted {
  if (known !== undefined && now + skew < known.time) {
    throw new Refusal("clock", "MS-43", "the clock went back");
  }
  const opened = open(h.checkpoint, pinned.origin, pinned.log, pinned.policy.witnesses);
  judgeWitnesses(pinned.policy, opened, now);
  if (known === undefined) {
    if (h.consistency.length > 0) {
      malformed("a consistency proof that nobody asked for");
    }
  } else if (!joined(known, opened, h.consistency)) {
    throw new Refusal("rollback", "MS-10", "the log does not continue");
  }
  const epoch = parseEpoch(h.epoch);
  if (epoch.index + 1n !== opened.size || !included(opened, epoch.index, h.epoch, h.inclusion)) {
    wrong("the epoch is not the last entry");
  }
  if (epoch.time > 1n << 48n) {
    malformed("the epoch's time is not one");
  }
  if (known !== undefined && epoch.time < known.time) {
    wrong("the directory's time went back", "MS-43");
  }
  if (epoch.time + day < now) {
    throw new Refusal("frozen", "MS-09", "an old epoch");
  }
  if (epoch.time > now + skew) {
    throw new Refusal(pinned.policy.asks ? "proof" : "clock", "MS-43", "an epoch ahead of the clock");
  }
  const head = { size: opened.size, root: opened.root, note: h.checkpoint, time: epoch.time };
  return { head, epoch, witnesses: opened.confirmed.filter((at) => at !== undefined).length };
}

function judgeWitnesses(policy: Policy, opened: Opened, now: bigint): void {
  const time = (i: number): bigint | undefined => opened.confirmed[i];
  if (!policy.enough((i) => time(i) !== undefined)) {
    throw new Refusal("witness", opened.forged ? "MS-13" : "MS-12", "not enough witnesses");
  }
  const recent = (i: number): boolean => (time(i) ?? -day) + day >= now;
  if (!policy.enough(recent)) {
    throw new Refusal("frozen", "MS-09", "old cosignatures");
  }
  if (!policy.enough((i) => recent(i) && (time(i) ?? 0n) <= now + skew)) {
    throw new Refusal("clock", "MS-43", "cosignatures ahead of the clock");
  }
}

/** Hands out the labels of a user's versions: known, or by the next proof. */
export class Labels {
  private readonly pinned: Pins;
  private readonly user: Uint8Array;
  private readonly known: Label[];
  private readonly proofs: Uint8Array[];

  constructor(pinned: Pins, user: Uint8Array, known: Label[], proofs: Uint8Array[]) {
    this.pinned = pinned;
    this.user = user;
    this.known = known.map((k) => ({ ...k }));
    this.proofs = [...proofs];
  }

  of(steps: Step[]): Label[] {
    return steps.map(({ version }) => {
      const known = this.known.find((k) => k.version === version);
      if (known !== undefined) {
        return known;
      }
      const proof = this.proofs.shift() ?? malformed("a label proof is missing");
      const fresh = {
        version,
        label: label(this.pinned.vrfKey, users, this.user, version, proof),
        commitment: undefined,
      };
      this.known.push(fresh);
      return fresh;
    });
  }

  done(): void {
    if (this.proofs.length > 0) {
      malformed("a label proof too many");
    }
  }
}

/** Compares what a map holds with a ladder and what is known; learns the rest. */
export function checkSteps(steps: Step[], labels: Label[], found: Found[], floor: number): void {
  steps.forEach(({ version, exists }, i) => {
    const [before, now] = [labels[i]?.commitment, found[i]];
    if ((now === undefined && version <= floor) || (now && before && !equal(now, before))) {
      throw new Refusal("flipflop", "MS-08", `version ${version} was changed`);
    }
    if (exists && now === undefined) {
      wrong(`version ${version} is missing`, "MS-07");
    }
    if (!exists && now !== undefined) {
      throw new Refusal("stale", "MS-06", `version ${version} was hidden`);
    }
  });
  labels.forEach((l, i) => {
    l.commitment = found[i] ?? l.commitment;
  });
}
