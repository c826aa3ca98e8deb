import { decodeHeader, encodeHeader } from "./header.ts";

/** Length of the AES-GCM tag of suites 4 and 5, RFC 9605, Section 4.5. */
export const tagLength = 16;
const nonceLength = 12;

/** A key for one KID: what HKDF made of the base key, RFC 9605, Section 4.4.2. */
export interface FrameKey {
  readonly kid: bigint;
  readonly key: CryptoKey;
  readonly salt: Uint8Array<ArrayBuffer>;
}

/**
 * Seals plaintext with the counter ctr, RFC 9605, Section 4.4.3, and returns
 * header and ciphertext. The caller never uses one counter twice with a key.
 */
export async function seal(
  key: FrameKey,
  ctr: bigint,
  plaintext: Uint8Array<ArrayBuffer>,
  metadata: Uint8Array = noMetadata,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = encodeHeader(key.kid, ctr);
  const sealed = await crypto.subtle.encrypt(parameters(key, ctr, header, metadata), key.key, plaintext);
  return concat(header, new Uint8Array(sealed));
}

/**
 * Opens a frame, RFC 9605, Section 4.4.4. The caller has found key by the KID
 * of the frame's header. Returns undefined for whatever does not open; the
 * cause is not told apart.
 */
export async function open(
  key: FrameKey,
  frame: Uint8Array<ArrayBuffer>,
  metadata: Uint8Array = noMetadata,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const header = decodeHeader(frame);
  if (header === undefined || header.kid !== key.kid || frame.length < header.length + tagLength) {
    return undefined;
  }
  const { ctr, length } = header;
  try {
    const opened = await crypto.subtle.decrypt(
      parameters(key, ctr, frame.subarray(0, length), metadata),
      key.key,
      frame.subarray(length),
    );
    return new Uint8Array(opened);
  } catch {
    return undefined;
  }
}

/** The bytes of all parts, one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const noMetadata = new Uint8Array(0);

function parameters(key: FrameKey, ctr: bigint, header: Uint8Array, metadata: Uint8Array): AesGcmParams {
  return {
    name: "AES-GCM",
    iv: nonce(key.salt, ctr),
    additionalData: concat(header, metadata),
    tagLength: tagLength * 8,
  };
}

/** The counter, big-endian and padded to 12 bytes, XORed into the salt. */
function nonce(salt: Uint8Array, ctr: bigint): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(nonceLength);
  out.set(salt.subarray(0, nonceLength));
  let rest = ctr;
  for (let i = nonceLength - 1; rest > 0n; i--) {
    out[i] = (out[i] ?? 0) ^ Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}
