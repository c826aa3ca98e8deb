import { concat } from "./aead.ts";
import { type Context, isContext } from "./kid.ts";

/**
 * What is inside the seal, docs/protocol.md section 4:
 *
 *     +------+-----------------------+-----------+
 *     | kind | spatial:4, temporal:4 | bitstream |
 *     +------+-----------------------+-----------+
 */
export interface Inner {
  readonly kind: Context;
  readonly spatial: number;
  readonly temporal: number;
  readonly bitstream: Uint8Array<ArrayBuffer>;
}

/** Length of the inner header. */
export const innerLength = 2;

/** Puts the inner header before bitstream. Layer ids above 15 do not exist in any codec. */
export function encodeInner(
  kind: Context,
  spatial: number,
  temporal: number,
  bitstream: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array([kind, ((spatial & 0xf) << 4) | (temporal & 0xf)]);
  return concat(header, bitstream);
}

/** Takes an opened frame apart; undefined if it is too short or of no known kind. */
export function decodeInner(plaintext: Uint8Array<ArrayBuffer>): Inner | undefined {
  const kind = plaintext[0];
  const layer = plaintext[1];
  if (kind === undefined || layer === undefined || !isContext(kind)) {
    return undefined;
  }
  return { kind, spatial: layer >> 4, temporal: layer & 0xf, bitstream: plaintext.slice(innerLength) };
}
