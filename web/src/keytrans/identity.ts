import { ed25519 } from "@noble/curves/ed25519.js";
import { concat, equal, hash, hex, isZero, utf8 } from "./bytes.ts";
import { Reader } from "./reader.ts";

interface Device {
  id: string;
  key: Uint8Array;
  /** All but name, expiry and proof, to compare. */
  fixed: string;
  addedBy: string;
  name: string;
  signed: Uint8Array;
  proof: Uint8Array;
}

export interface IdentityRecord {
  encoded: Uint8Array;
  user: Uint8Array;
  version: number;
  previous: Uint8Array;
  handle: string;
  time: bigint;
  identityKey: Uint8Array;
  devices: Device[];
  removed: string[];
  backup: bigint;
  backupHash: Uint8Array;
  reset: boolean;
}

/** Reads an identity record. Throws a Refusal. */
export function parseRecord(encoded: Uint8Array): IdentityRecord {
  const r = new Reader(encoded);
  if (r.uint(2) !== 1) {
    throw new Error("a record of another format");
  }
  const user = r.fixed(16);
  const version = r.uint(4);
  const previous = r.fixed(32);
  const handle = new TextDecoder().decode(r.vector(128));
  r.vector(64);
  const time = r.uint64();
  const identityKey = r.fixed(32);
  const devices = readDevices(new Reader(r.vector(32 * 256)), user);
  const removed = readRemoved(new Reader(r.vector(64 * 256)));
  r.fixed(32);
  const backup = r.uint64();
  const backupHash = r.fixed(32);
  r.uint(2);
  const reset = r.flag();
  r.fixed(64);
  r.done();
  return {
    encoded,
    user,
    version,
    previous,
    handle,
    time,
    identityKey,
    devices,
    removed,
    backup,
    backupHash,
    reset,
  };
}

function readDevices(r: Reader, user: Uint8Array): Device[] {
  const out: Device[] = [];
  while (r.left > 0) {
    const [id, key, type, added, expires, by] = [16, 32, 1, 8, 8, 16].map((n) => r.fixed(n)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const name = r.vector(64);
    const fields = concat(id, key, type, added, expires, by, Uint8Array.of(name.length), name);
    out.push({
      id: hex(id),
      key,
      fixed: hex(concat(key, type, added, by)),
      addedBy: hex(by),
      name: hex(name),
      signed: concat(utf8("Conclave 1.0 device"), user, fields),
      proof: r.fixed(64),
    });
  }
  return out;
}

function readRemoved(r: Reader): string[] {
  const out: string[] = [];
  while (r.left > 0) {
    out.push(hex(r.fixed(16)));
    r.fixed(32 + 8 + 16);
    r.vector(64);
  }
  return out;
}

function signedBy(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

/**
 * Whether the identity key and each device signed a record. The rules for names
 * and handles are not repeated here: the vectors keep them.
 */
export function verifyRecord(r: IdentityRecord): boolean {
  const end = r.encoded.length - 64;
  const message = concat(utf8("Conclave 1.0 identity record"), r.encoded.subarray(0, end));
  return (
    (r.version === 0) === isZero(r.previous) &&
    r.devices.length > 0 &&
    new Set(r.devices.map((d) => d.id)).size === r.devices.length &&
    r.devices.every(
      (d) =>
        d.id === hex(hash(utf8("Conclave 1.0 device id"), d.key).slice(0, 16)) &&
        signedBy(d.key, d.signed, d.proof),
    ) &&
    signedBy(r.identityKey, message, r.encoded.slice(end))
  );
}

/** Whether next may come after before; both are verified. */
export function follows(before: IdentityRecord, next: IdentityRecord): boolean {
  const sameKey = equal(before.identityKey, next.identityKey);
  const gone = before.devices.filter((d) => !next.devices.some((n) => n.id === d.id)).map((d) => d.id);
  const remembered = [...before.removed, ...gone].slice(-64);
  return (
    equal(before.user, next.user) &&
    before.handle === next.handle &&
    next.version === before.version + 1 &&
    equal(next.previous, hash(before.encoded)) &&
    next.time >= before.time &&
    next.backup >= before.backup &&
    (next.backup !== before.backup || equal(next.backupHash, before.backupHash)) &&
    next.reset !== sameKey &&
    remembered.length === next.removed.length &&
    remembered.every((id, i) => id === next.removed[i]) &&
    next.devices.every((d) => {
      const old = before.devices.find((o) => o.id === d.id);
      if (old !== undefined) {
        return !next.reset && old.fixed === d.fixed;
      }
      const adder =
        /^0+$/.test(d.addedBy) ||
        (next.reset ? d.addedBy === d.id : before.devices.some((o) => o.id === d.addedBy));
      return adder && !before.removed.includes(d.id);
    })
  );
}
