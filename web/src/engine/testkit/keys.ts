import type { FrameKey } from "../sframe/aead.ts";

/** The bytes of hex digits. */
export function unhex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Hex digits of bytes. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Imports a key of suite 4 or 5, as the session worker does. */
export async function frameKey(
  kid: bigint,
  key: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
): Promise<FrameKey> {
  const usages = ["encrypt", "decrypt"] as const;
  return { kid, salt, key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, usages) };
}

/** A key whose bytes are all the same. */
export function plainKey(kid: bigint, fill = 7): Promise<FrameKey> {
  return frameKey(kid, new Uint8Array(32).fill(fill), new Uint8Array(12).fill(fill + 1));
}
