import { hkdfSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { frameKey, hex, unhex } from "../testkit/keys.ts";
import { vectors } from "../testkit/vectors.ts";
import { open, seal } from "./aead.ts";
import { decodeHeader, encodeHeader } from "./header.ts";

interface HeaderCase {
  readonly kid: string;
  readonly ctr: string;
  readonly encoded: string;
}
type SFrameCase = Record<string, string | number>;

const file = readVectors();

describe.skipIf(file === undefined)("official vectors, RFC 9605", () => {
  const { header: headers = [], sframe: frames = [] } = file ?? {};

  test("there are as many as the file's origin says", () => {
    expect(headers.length).toBe(289);
    expect(frames.map((v) => v["cipher_suite"])).toEqual([1, 2, 3, 4, 5]);
  });

  test("headers, Section 4.3", () => {
    for (const { kid, ctr, encoded } of headers) {
      const length = encoded.length / 2;
      expect(decodeHeader(unhex(encoded)), encoded).toEqual({ kid: BigInt(kid), ctr: BigInt(ctr), length });
      expect(hex(encodeHeader(BigInt(kid), BigInt(ctr)))).toBe(encoded);
    }
  });

  // Suites 1 to 3 are AES-CTR with HMAC, which the browser client does not speak.
  test.each(frames.filter((v) => Number(v["cipher_suite"]) >= 4).map((v) => [v["cipher_suite"], v] as const))(
    "suite %s, Section 4.4",
    async (_suite, v) => {
      const text = (name: string) => String(v[name]);
      const bytes = (name: string) => unhex(text(name));
      const derived = derive(v);
      expect(hex(derived.key)).toBe(text("sframe_key"));
      expect(hex(derived.salt)).toBe(text("sframe_salt"));

      const key = await frameKey(BigInt(Number(v["kid"])), derived.key, derived.salt);
      const sealed = await seal(key, BigInt(Number(v["ctr"])), bytes("pt"), bytes("metadata"));
      expect(hex(sealed)).toBe(text("ct"));
      const opened = await open(key, bytes("ct"), bytes("metadata"));
      expect(hex(opened ?? new Uint8Array())).toBe(text("pt"));
    },
  );
});

function readVectors(): { header: HeaderCase[]; sframe: SFrameCase[] } | undefined {
  const raw = vectors("sframe/test-vectors.json");
  if (raw === undefined) {
    return undefined;
  }
  // JSON.parse would round the numbers above 2^53.
  const exact = raw.replace(/"(kid|ctr)":\s*(\d+)/g, '"$1":"$2"');
  return JSON.parse(exact) as { header: HeaderCase[]; sframe: SFrameCase[] };
}

/** Section 4.4.2, in Node's HKDF: in the product the keys are derived in Go. */
function derive(v: SFrameCase): { key: Uint8Array<ArrayBuffer>; salt: Uint8Array<ArrayBuffer> } {
  const hash = v["cipher_suite"] === 5 ? "sha512" : "sha256";
  const keyLength = v["cipher_suite"] === 5 ? 32 : 16;
  const expand = (label: string, length: number) =>
    new Uint8Array(
      hkdfSync(hash, unhex(String(v["base_key"])), new Uint8Array(), unhex(String(v[label])), length),
    );
  return { key: expand("sframe_key_label", keyLength), salt: expand("sframe_salt_label", 12) };
}
