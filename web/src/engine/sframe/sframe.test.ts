import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, plainKey, unhex } from "../testkit/keys.ts";
import { open, seal, tagLength } from "./aead.ts";
import { decodeHeader, encodeHeader, maxHeaderLength } from "./header.ts";
import { decodeInner, encodeInner } from "./inner.ts";
import { contexts, splitKid } from "./kid.ts";

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => new Uint8Array(array));

describe("header", () => {
  test("every kid and ctr comes back", () => {
    fc.assert(
      fc.property(u64, u64, (kid, ctr) => {
        const encoded = encodeHeader(kid, ctr);
        expect(encoded.length).toBeLessThanOrEqual(maxHeaderLength);
        expect(decodeHeader(encoded)).toEqual({ kid, ctr, length: encoded.length });
      }),
    );
  });

  test("no bytes throw, and what decodes encodes to the same", () => {
    fc.assert(
      fc.property(bytes(24), (data) => {
        const header = decodeHeader(data);
        if (header !== undefined) {
          expect(hex(encodeHeader(header.kid, header.ctr))).toBe(hex(data.subarray(0, header.length)));
        }
      }),
    );
  });

  test.each([
    ["empty", ""],
    ["kid cut off", "9901"],
    ["ctr cut off", "0f01020304"],
    ["kid that fits the config byte", "8007"],
    ["ctr with a leading zero", "090001"],
  ])("refuses %s", (_name, text) => {
    expect(decodeHeader(unhex(text))).toBeUndefined();
  });

  test("refuses fields outside 64 bits", () => {
    expect(() => encodeHeader(1n << 64n, 0n)).toThrow(RangeError);
    expect(() => encodeHeader(0n, -1n)).toThrow(RangeError);
  });
});

describe("kid", () => {
  test.each([
    [0n, { context: 0, index: 0, epochBits: 0 }],
    [(1n << 14n) | (1023n << 4n) | 15n, { context: 1, index: 1023, epochBits: 15 }],
    [(4n << 14n) | (2n << 4n) | 3n, { context: contexts.screenAudio, index: 2, epochBits: 3 }],
    [5n << 14n, undefined],
    [(1n << 64n) - 1n, undefined],
  ])("splitKid(%s)", (kid, want) => {
    expect(splitKid(kid)).toEqual(want);
  });
});

describe("seal and open", () => {
  test("what was sealed opens, and any changed bit is refused", async () => {
    const key = await plainKey(0x4031n);
    await fc.assert(
      fc.asyncProperty(bytes(64), u64, fc.nat(), async (plaintext, ctr, flip) => {
        const sealed = await seal(key, ctr, plaintext);
        expect(sealed.length).toBe(encodeHeader(key.kid, ctr).length + plaintext.length + tagLength);
        expect(hex((await open(key, sealed)) ?? unhex("ff"))).toBe(hex(plaintext));
        const bit = flip % (sealed.length * 8);
        sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(await open(key, sealed)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test("refuses another key, another kid, metadata and short input", async () => {
    const key = await plainKey(9n);
    const sealed = await seal(key, 5n, unhex("010203"));
    expect(await open(await plainKey(9n, 8), sealed)).toBeUndefined();
    expect(await open(await plainKey(10n), sealed)).toBeUndefined();
    expect(await open(key, sealed, unhex("00"))).toBeUndefined();
    for (let length = 0; length < sealed.length; length++) {
      expect(await open(key, sealed.slice(0, length))).toBeUndefined();
    }
  });

  test("random bytes never open and never throw", async () => {
    const key = await plainKey(1n);
    await fc.assert(
      fc.asyncProperty(bytes(80), async (data) => {
        expect(await open(key, data)).toBeUndefined();
      }),
    );
  });
});

describe("inner header", () => {
  test("comes back", () => {
    fc.assert(
      fc.property(fc.nat(15), fc.nat(15), bytes(32), (spatial, temporal, bitstream) => {
        const inner = decodeInner(encodeInner(contexts.camera, spatial, temporal, bitstream));
        expect(inner).toEqual({ kind: contexts.camera, spatial, temporal, bitstream });
      }),
    );
  });

  test.each([
    ["empty", ""],
    ["one byte", "01"],
    ["unknown kind", "0500aa"],
  ])("refuses %s", (_name, text) => {
    expect(decodeInner(unhex(text))).toBeUndefined();
  });
});
