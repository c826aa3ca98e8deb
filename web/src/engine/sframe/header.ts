/**
 * The SFrame header, RFC 9605, Section 4.3.
 *
 *      0 1 2 3 4 5 6 7
 *     +-+-----+-+-----+------------+------------+
 *     |X|  K  |Y|  C  | KID (0..8) | CTR (0..8) |
 *     +-+-----+-+-----+------------+------------+
 *
 * With X clear, K is the KID itself; with X set, the KID has K + 1 bytes. The
 * same holds for Y, C and the CTR.
 */

/** The longest header: config byte, eight bytes of KID, eight of CTR. */
export const maxHeaderLength = 1 + 8 + 8;

const max64 = (1n << 64n) - 1n;

/** A decoded header and how many bytes it takes. */
export interface Header {
  readonly kid: bigint;
  readonly ctr: bigint;
  readonly length: number;
}

/** Returns the shortest encoding of kid and ctr. Throws RangeError outside 64 bits. */
export function encodeHeader(kid: bigint, ctr: bigint): Uint8Array<ArrayBuffer> {
  const kidLength = fieldLength(kid);
  const ctrLength = fieldLength(ctr);
  const out = new Uint8Array(1 + kidLength + ctrLength);
  out[0] = (fieldBits(kid, kidLength) << 4) | fieldBits(ctr, ctrLength);
  putBigEndian(out, 1, kidLength, kid);
  putBigEndian(out, 1 + kidLength, ctrLength, ctr);
  return out;
}

/**
 * Reads the header at the start of data. Returns undefined when data is too
 * short or a field is not in its shortest form, which no sender makes.
 */
export function decodeHeader(data: Uint8Array): Header | undefined {
  const config = data[0];
  if (config === undefined) {
    return undefined;
  }
  const kidLength = lengthOf(config >> 4);
  const ctrLength = lengthOf(config);
  const length = 1 + kidLength + ctrLength;
  if (data.length < length) {
    return undefined;
  }
  const kid = readField(data, 1, kidLength, config >> 4);
  const ctr = readField(data, 1 + kidLength, ctrLength, config);
  return kid === undefined || ctr === undefined ? undefined : { kid, ctr, length };
}

/** Bytes that value takes after the config byte; 0 when it fits into it. */
function fieldLength(value: bigint): number {
  if (value < 0n || value > max64) {
    throw new RangeError("sframe: header field outside 64 bits");
  }
  let length = value < 8n ? 0 : 1;
  for (let rest = value >> 8n; rest > 0n; rest >>= 8n) {
    length++;
  }
  return length;
}

/** The four bits of the config byte for one field. */
function fieldBits(value: bigint, length: number): number {
  return length === 0 ? Number(value) : 0x8 | (length - 1);
}

function lengthOf(bits: number): number {
  return (bits & 0x8) === 0 ? 0 : (bits & 0x7) + 1;
}

function putBigEndian(out: Uint8Array, at: number, length: number, value: bigint): void {
  let rest = value;
  for (let i = at + length - 1; i >= at; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function readField(data: Uint8Array, at: number, length: number, bits: number): bigint | undefined {
  if (length === 0) {
    return BigInt(bits & 0x7);
  }
  let value = 0n;
  for (let i = at; i < at + length; i++) {
    value = (value << 8n) | BigInt(data[i] ?? 0);
  }
  return fieldLength(value) === length ? value : undefined;
}
