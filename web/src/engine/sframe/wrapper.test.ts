import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, unhex } from "../testkit/keys.ts";
import { type Wrapper, wrapperFor } from "./wrapper.ts";

const codecs = ["video/VP9", "video/VP8", "video/AV1", "video/H264", "audio/opus", "audio/red"];
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => new Uint8Array(array));
// Start codes and escapes are rare in random bytes and common in these.
const awkward = fc
  .array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 0x80), { maxLength: 60 })
  .map((array) => new Uint8Array(array));

function wrapper(mimeType: string): Wrapper {
  const found = wrapperFor(mimeType);
  if (found === undefined) {
    throw new Error(`no wrapper for ${mimeType}`);
  }
  return found;
}

describe("wrapper", () => {
  test.each(codecs)("%s: what is wrapped comes back", (mimeType) => {
    fc.assert(
      fc.property(fc.oneof(bytes, awkward), fc.boolean(), (sealed, key) => {
        const { wrap, unwrap } = wrapper(mimeType);
        expect(hex(unwrap(wrap(sealed, key)) ?? unhex("ff"))).toBe(hex(sealed));
      }),
    );
  });

  test.each(codecs)("%s: hostile bytes never throw", (mimeType) => {
    fc.assert(
      fc.property(fc.oneof(bytes, awkward), (data) => {
        const out = wrapper(mimeType).unwrap(data);
        expect(out === undefined || out.length <= data.length).toBe(true);
      }),
    );
  });

  test.each(["video/H265", "video/rtx", "audio/PCMU", "", "VP9"])("%s is unknown", (mimeType) => {
    expect(wrapperFor(mimeType)).toBeUndefined();
  });

  test.each([
    ["video/VP9", true, "aabb", "aabb"],
    ["video/VP8", true, "aabb", "00aabb"],
    ["video/VP8", false, "aabb", "01aabb"],
    ["video/AV1", true, "aabb", "08aabb"],
    ["video/AV1", false, "aabb", "30aabb"],
    ["video/H264", false, "aa000001", "00000001419a80aa0000030180"],
    [
      "video/H264",
      true,
      "aa0000",
      "000000016742c01fd900a00b60c0440000030004000003 00c83c60c920".replace(" ", "") +
        "0000000168cb83cb20" +
        "00000001658880aa000080",
    ],
  ])("%s, key %s: exact bytes", (mimeType, key, sealed, want) => {
    expect(hex(wrapper(mimeType).wrap(unhex(sealed), key))).toBe(want);
  });

  test.each([
    ["as sent", "30aabb", "aabb"],
    ["with a size", "3202aabb", "aabb"],
    ["with an extension", "3400aabb", "aabb"],
    ["with both and a size of two bytes", "36008201aabb", "aabb"],
  ])("AV1 received %s", (_name, data, want) => {
    expect(hex(wrapper("video/AV1").unwrap(unhex(data)) ?? unhex(""))).toBe(want);
  });

  test.each([
    ["AV1, empty", "video/AV1", ""],
    ["AV1, size without an end", "video/AV1", "32ffffffffffffffffff"],
    ["AV1, extension missing", "video/AV1", "34"],
    ["VP8, empty", "video/VP8", ""],
    ["H264, no start code", "video/H264", "419a80aa80"],
    ["H264, no slice prefix", "video/H264", "00000001419a"],
    ["H264, no stop byte", "video/H264", "00000001419a80aa"],
  ])("refuses %s", (_name, mimeType, data) => {
    expect(wrapper(mimeType).unwrap(unhex(data))).toBeUndefined();
  });

  test("H264: no start code inside the wrapped body", () => {
    fc.assert(
      fc.property(awkward, (sealed) => {
        const body = hex(wrapper("video/H264").wrap(sealed, false)).slice("00000001".length);
        expect(body.match(/^(..)*?0000(00|01|02)/)).toBeNull();
        expect(body.endsWith("00")).toBe(false);
      }),
    );
  });
});
