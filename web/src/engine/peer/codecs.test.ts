import { describe, expect, test } from "vitest";
import { encodings, preferences, sendableCodec } from "./codecs.ts";

const chromium = [
  { mimeType: "video/VP8" },
  { mimeType: "video/rtx" },
  {
    mimeType: "video/H264",
    sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
  },
  {
    mimeType: "video/H264",
    sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  },
  { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" },
  { mimeType: "video/VP9", sdpFmtpLine: "profile-id=0" },
  { mimeType: "video/AV1" },
];

describe("codecs", () => {
  test.each([
    ["VP9", chromium, "VP9"],
    ["AV1", chromium, "AV1"],
    ["H264", [{ mimeType: "video/VP8" }], "VP8"],
    ["VP9", [{ mimeType: "video/VP8" }, { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" }], "VP8"],
  ] as const)("sendableCodec(%s)", (wanted, capabilities, want) => {
    expect(sendableCodec(wanted, capabilities)).toBe(want);
  });

  test("preferences are one form of the codec, of those it may change to, and retransmissions", () => {
    expect(preferences("VP9", chromium)).toEqual([chromium[5], chromium[6], chromium[0], chromium[1]]);
    expect(preferences("H264", chromium)).toEqual([
      chromium[3],
      chromium[5],
      chromium[6],
      chromium[0],
      chromium[1],
    ]);
    expect(preferences("opus", [{ mimeType: "audio/red" }, { mimeType: "audio/opus" }])).toEqual([
      { mimeType: "audio/opus" },
    ]);
    expect(preferences("AV1", [{ mimeType: "video/rtx" }])).toEqual([]);
  });

  test("layers where the browser makes them, one picture where it does not", () => {
    expect(encodings("camera", "VP9", true)).toMatchObject([{ scalabilityMode: "L3T3_KEY" }]);
    expect(encodings("camera", "VP8", true).map(({ rid }) => rid)).toEqual(["q", "h", "f"]);
    expect(encodings("camera", "VP9", false)).toEqual([{ maxBitrate: 1_500_000 }]);
    expect(encodings("screen", "VP9", true)).toEqual([{ maxBitrate: 2_000_000, scalabilityMode: "L1T3" }]);
  });
});
