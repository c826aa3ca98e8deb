import { sha256 } from "@noble/hashes/sha2.js";

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) {
      return d;
    }
  }
  return a.length - b.length;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return compare(a, b) === 0;
}

export function isZero(a: Uint8Array): boolean {
  return a.every((b) => b === 0);
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function hash(...parts: Uint8Array[]): Uint8Array {
  return sha256(concat(...parts));
}

export function hex(a: Uint8Array): string {
  return Array.from(a, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function bigEndian(v: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let i = size - 1; i >= 0; i--) {
    out[i] = v % 256;
    v = Math.floor(v / 256);
  }
  return out;
}

/** The length of a vector and the vector, for those below 64 or 16384 bytes. */
export function vector(body: Uint8Array): Uint8Array {
  const n = body.length;
  return concat(n < 64 ? Uint8Array.of(n) : Uint8Array.of(0x40 | (n >> 8), n & 255), body);
}

/** Strict base64, or undefined. */
export function base64(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}
