import { concat } from "./aead.ts";
import { unwrapH264, wrapH264 } from "./h264.ts";

/**
 * The constant bytes around a sealed frame that a codec's packetiser and the
 * receiver's packet layer need, docs/protocol.md section 4. They are outside
 * the seal and prove nothing.
 */
export interface Wrapper {
  /** Puts the bytes around a sealed frame; key tells whether it is a key frame. */
  wrap(sealed: Uint8Array<ArrayBuffer>, key: boolean): Uint8Array<ArrayBuffer>;
  /** Takes them off again; undefined if they are not there. */
  unwrap(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined;
}

/** The wrapper for the codec that a frame's metadata names; undefined for an unknown one. */
export function wrapperFor(mimeType: string): Wrapper | undefined {
  return wrappers.get(mimeType.toLowerCase());
}

const none: Wrapper = { wrap: (sealed) => sealed, unwrap: (data) => data };

const vp8: Wrapper = {
  // Bit 0 of the first byte of a VP8 frame is clear in key frames (RFC 6386, Section 9.1).
  wrap: (sealed, key) => concat(new Uint8Array([key ? 0x00 : 0x01]), sealed),
  unwrap: (data) => (data.length < 1 ? undefined : data.subarray(1)),
};

const av1: Wrapper = {
  // OBU headers without a size: 08 is a sequence header, 30 a frame. The
  // former makes the packetiser set the N bit, so key frames can be told.
  wrap: (sealed, key) => concat(new Uint8Array([key ? 0x08 : 0x30]), sealed),
  unwrap: unwrapAV1,
};

const h264: Wrapper = { wrap: wrapH264, unwrap: unwrapH264 };

const wrappers: ReadonlyMap<string, Wrapper> = new Map([
  ["video/vp9", none],
  ["video/vp8", vp8],
  ["video/av1", av1],
  ["video/h264", h264],
  ["audio/opus", none],
  ["audio/red", none],
]);

/** leb128 values in an OBU have at most eight bytes (AV1 specification, section 4.10.5). */
const maxLeb128 = 8;

/** Skips the OBU header, its extension byte and its size field, where they are present. */
function unwrapAV1(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const header = data[0];
  if (header === undefined) {
    return undefined;
  }
  let at = 1;
  if ((header & 0x04) !== 0) {
    at++;
  }
  if ((header & 0x02) !== 0) {
    const size = leb128Length(data, at);
    if (size === undefined) {
      return undefined;
    }
    at += size;
  }
  return at > data.length ? undefined : data.subarray(at);
}

function leb128Length(data: Uint8Array, at: number): number | undefined {
  for (let length = 1; length <= maxLeb128; length++) {
    const byte = data[at + length - 1];
    if (byte === undefined) {
      return undefined;
    }
    if ((byte & 0x80) === 0) {
      return length;
    }
  }
  return undefined;
}
