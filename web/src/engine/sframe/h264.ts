import { concat } from "./aead.ts";

/*
 * The H264 wrapper: an Annex B stream (ITU-T H.264, Annex B) whose last NAL
 * unit carries the sealed frame. The parameter sets are constants that no
 * decoder ever sees: the real ones are inside the seal, but the receiver's
 * packet layer wants valid ones before an IDR picture.
 */

const startCode = bytes("00000001");
const parameterSets = concat(
  startCode,
  bytes("6742c01fd900a00b60c04400000300040000 0300c83c60c920"),
  startCode,
  bytes("68cb83cb20"),
);
const keyPrefix = concat(startCode, bytes("658880"));
const deltaPrefix = concat(startCode, bytes("419a80"));

/** NAL header and the first two bytes of the slice header. */
const slicePrefixLength = 3;
/** A NAL unit must never end in a zero byte. */
const stopByte = 0x80;

/** Puts a sealed frame into the last NAL unit of a constant access unit. */
export function wrapH264(sealed: Uint8Array<ArrayBuffer>, key: boolean): Uint8Array<ArrayBuffer> {
  const body = escape(sealed);
  return key ? concat(parameterSets, keyPrefix, body) : concat(deltaPrefix, body);
}

/** Takes the sealed frame out of the last NAL unit; undefined if there is none. */
export function unwrapH264(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const start = lastUnit(data);
  if (start === undefined || start + slicePrefixLength > data.length) {
    return undefined;
  }
  return unescape(data.subarray(start + slicePrefixLength));
}

/**
 * Inserts 03 wherever two zeros are followed by a byte of at most 3, so that
 * no start code appears (ITU-T H.264, 7.4.1), and ends with the stop byte.
 */
function escape(data: Uint8Array): Uint8Array<ArrayBuffer> {
  // At most one byte is inserted for every two.
  const out = new Uint8Array(data.length + (data.length >> 1) + 1);
  let at = 0;
  let zeros = 0;
  for (const byte of data) {
    if (zeros === 2 && byte <= 3) {
      out[at++] = 3;
      zeros = 0;
    }
    out[at++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  out[at++] = stopByte;
  return out.slice(0, at);
}

/** The reverse of escape; undefined if the stop byte is missing. */
function unescape(data: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (data[data.length - 1] !== stopByte) {
    return undefined;
  }
  const out = new Uint8Array(data.length);
  let at = 0;
  let zeros = 0;
  for (const byte of data.subarray(0, data.length - 1)) {
    if (zeros === 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out[at++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.slice(0, at);
}

/** Where the last NAL unit begins: behind the last start code of 3 or 4 bytes. */
function lastUnit(data: Uint8Array): number | undefined {
  for (let i = data.length - 3; i >= 0; i--) {
    if (data[i] === 0 && data[i + 1] === 0 && data[i + 2] === 1) {
      return i + 3;
    }
  }
  return undefined;
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
