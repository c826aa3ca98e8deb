import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bigEndian, concat, equal, utf8, vector } from "./bytes.ts";
import { wrong } from "./reader.ts";

const { Point } = ristretto255;
const suite = concat(Uint8Array.of(0xff), utf8("c2sp.org/vrf-r255"));

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((v, b) => (v << 8n) | BigInt(b), 0n);
}

export const handles = 1;
export const users = 2;

/**
 * Checks the proof of a label, ECVRF-RISTRETTO255-SHA512 (c2sp.org/vrf-r255, RFC
 * 9381), and returns the label.
 */
export function label(
  key: Uint8Array,
  namespace: number,
  name: Uint8Array,
  version: number,
  proof: Uint8Array,
): Uint8Array {
  const alpha = concat(
    utf8("Conclave 1.0 label"),
    Uint8Array.of(namespace),
    vector(name),
    bigEndian(version, 4),
  );
  const c = littleEndian(proof.subarray(32, 48));
  const s = littleEndian(proof.subarray(48, 80));
  if (s >= Point.Fn.ORDER) {
    wrong("a scalar of a label proof is not canonical", "MS-15");
  }
  let gamma;
  try {
    gamma = Point.fromBytes(proof.subarray(0, 32));
  } catch {
    wrong("a point of a label proof is not canonical", "MS-15");
  }
  const y = Point.fromBytes(key);
  const h = ristretto255_hasher.deriveToCurve?.(sha512(concat(suite, Uint8Array.of(0x82), key, alpha)));
  if (h === undefined || gamma === undefined) {
    throw new Error("ristretto255 has no map from bytes");
  }
  const u = Point.BASE.multiplyUnsafe(s).subtract(y.multiplyUnsafe(c));
  const v = h.multiplyUnsafe(s).subtract(gamma.multiplyUnsafe(c));
  const points = [y, h, gamma, u, v].map((p) => p.toBytes());
  const challenge = sha512(concat(suite, Uint8Array.of(2), ...points, Uint8Array.of(0)));
  if (!equal(challenge.subarray(0, 16), proof.subarray(32, 48))) {
    wrong("a label proof is of something else", "MS-15");
  }
  return sha512(concat(suite, Uint8Array.of(3), gamma.toBytes(), Uint8Array.of(0))).slice(0, 32);
}
