import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { compare, concat, equal, hash } from "./bytes.ts";
import { malformed, type Reader, Reader as NewReader, wrong } from "./reader.ts";

export const maxVersion = 2 ** 30;
const empty = hash(Uint8Array.of(2));

function leaf(label: Uint8Array, commitment: Uint8Array): Uint8Array {
  return hash(Uint8Array.of(0), label, commitment);
}

export function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(Uint8Array.of(1), left, right);
}

export function commitTo(opening: Uint8Array, label: Uint8Array, value: Uint8Array): Uint8Array {
  return hmac(sha256, opening, concat(label, hash(value)));
}

export interface Step {
  version: number;
  exists: boolean;
}

/** The versions to look at to prove that n is the greatest. */
export function ladder(n: number): Step[] {
  if (n === 0) {
    return [
      { version: 0, exists: true },
      { version: 1, exists: false },
    ];
  }
  const steps: Step[] = [];
  let [low, high] = [0, 0];
  do {
    low = high;
    high = 2 * high + 1;
    steps.push({ version: high, exists: high <= n });
  } while (high <= n);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    steps.push({ version: middle, exists: middle <= n });
    [low, high] = middle <= n ? [middle, high] : [low, middle];
  }
  return steps;
}

interface End {
  kind: number;
  depth: number;
  label?: Uint8Array;
  commitment?: Uint8Array;
}

export interface Batch {
  ends: End[];
  bitmap: Uint8Array;
  siblings: Uint8Array[];
}

export function readBatch(r: Reader): Batch {
  const list = new NewReader(r.vector(65 * 66));
  const ends: End[] = [];
  while (list.left > 0) {
    const end: End = { kind: list.uint(1), depth: list.uint(1) };
    if (end.kind > 2 || ends.length === 65) {
      malformed("an end of a path");
    }
    if (end.kind === 2) {
      end.label = list.fixed(32);
    }
    if (end.kind !== 0) {
      end.commitment = list.fixed(32);
    }
    ends.push(end);
  }
  const bitmap = r.vector((65 * 256) / 8);
  const siblings: Uint8Array[] = [];
  for (const byte of bitmap) {
    for (let i = 0; i < 8; i++) {
      if (byte & (1 << i)) {
        if (siblings.length === 65 * 64) {
          malformed("too many siblings");
        }
        siblings.push(r.fixed(32));
      }
    }
  }
  if (siblings.some((s) => equal(s, empty))) {
    malformed("a sibling that is empty and says it is not");
  }
  return { ends, bitmap, siblings };
}

/** What a map holds at a label: the commitment, or nothing. */
export type Found = Uint8Array | undefined;

function bit(label: Uint8Array, depth: number): number {
  return ((label[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1;
}

/** Checks the paths of labels against the root of a map. */
export function verifyBatch(batch: Batch, root: Uint8Array, labels: Uint8Array[]): Found[] {
  const { ends, bitmap, siblings } = batch;
  if (labels.length !== ends.length || labels.length === 0) {
    wrong("another number of paths than labels");
  }
  const paths = labels.map((label, i) => ({ label, end: ends[i] as End }));
  paths.sort((a, b) => compare(a.label, b.label));
  let bits = 0;
  let used = 0;

  function sibling(): Uint8Array {
    if (bits >= 8 * bitmap.length) {
      wrong("too few siblings");
    }
    const set = ((bitmap[bits >> 3] ?? 0) >> (7 - (bits & 7))) & 1;
    bits++;
    return set === 1 ? (siblings[used++] ?? wrong("too few siblings")) : empty;
  }

  /** The hash of what path ends at. */
  function bottom(path: (typeof paths)[number]): Uint8Array {
    const { kind, depth, label, commitment } = path.end;
    if (kind === 0 || commitment === undefined) {
      return empty;
    }
    if (label === undefined) {
      return leaf(path.label, commitment);
    }
    for (let i = 0; i < depth; i++) {
      if (bit(label, i) !== bit(path.label, i)) {
        wrong("a leaf that cannot be there");
      }
    }
    if (equal(label, path.label)) {
      wrong("another leaf that is the same");
    }
    return leaf(label, commitment);
  }

  function subtree(part: typeof paths, depth: number): { hash: Uint8Array; single: boolean } {
    if (part.some((p) => p.end.depth === depth)) {
      const hashes = part.map(bottom);
      if (part.some((p) => p.end.depth !== depth) || hashes.some((h) => !equal(h, hashes[0] ?? empty))) {
        wrong("paths to one place end differently");
      }
      if (part.some((p, i) => i > 0 && equal(p.label, (part[i - 1] ?? p).label))) {
        wrong("a label twice");
      }
      return { hash: hashes[0] ?? empty, single: true };
    }
    if (part.some((p) => p.end.depth < depth)) {
      wrong("a path ends above where it is");
    }
    const children = [0, 1].map((side) => {
      const half = part.filter((p) => bit(p.label, depth) === side);
      return half.length > 0 ? subtree(half, depth + 1) : { hash: sibling(), single: false };
    });
    const [left, right] = children as [
      { hash: Uint8Array; single: boolean },
      { hash: Uint8Array; single: boolean },
    ];
    if ((left.single && equal(right.hash, empty)) || (right.single && equal(left.hash, empty))) {
      wrong("what is single is below where it belongs");
    }
    return { hash: node(left.hash, right.hash), single: false };
  }

  const top = subtree(paths, 0);
  if (Math.ceil(bits / 8) !== bitmap.length || used !== siblings.length || !equal(top.hash, root)) {
    wrong("the paths do not lead to the root");
  }
  return ends.map((e) => (e.kind === 1 ? e.commitment : undefined));
}
