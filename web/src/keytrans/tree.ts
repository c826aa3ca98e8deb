import { equal, hash } from "./bytes.ts";
import { node } from "./map.ts";

export interface Checkpoint {
  size: bigint;
  root: Uint8Array;
}

/** Whether entry is in the log at index: RFC 9162, Section 2.1.3.2. */
export function included(c: Checkpoint, index: bigint, entry: Uint8Array, proof: Uint8Array[]): boolean {
  if (index >= c.size) {
    return false;
  }
  let [fn, sn, r] = [index, c.size - 1n, hash(Uint8Array.of(0), entry)];
  for (const p of proof) {
    if (sn === 0n) {
      return false;
    }
    if ((fn & 1n) === 1n || fn === sn) {
      r = node(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        [fn, sn] = [fn >> 1n, sn >> 1n];
      }
    } else {
      r = node(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && equal(r, c.root);
}

/** Whether second continues first: RFC 9162, Section 2.1.4.2. */
export function joined(first: Checkpoint, second: Checkpoint, proof: Uint8Array[]): boolean {
  if (first.size > second.size) {
    return false;
  }
  if (first.size === second.size) {
    return equal(first.root, second.root) && proof.length === 0;
  }
  if (first.size === 0n) {
    return proof.length === 0;
  }
  const power = (first.size & (first.size - 1n)) === 0n;
  const [start, ...rest] = power ? [first.root, ...proof] : proof;
  if (start === undefined || proof.length === 0) {
    return false;
  }
  let [fn, sn, fr, sr] = [first.size - 1n, second.size - 1n, start, start];
  while ((fn & 1n) === 1n) {
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  for (const c of rest) {
    if (sn === 0n) {
      return false;
    }
    if ((fn & 1n) === 1n || fn === sn) {
      [fr, sr] = [node(c, fr), node(c, sr)];
      while ((fn & 1n) === 0n && fn !== 0n) {
        [fn, sn] = [fn >> 1n, sn >> 1n];
      }
    } else {
      sr = node(sr, c);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && equal(fr, first.root) && equal(sr, second.root);
}
