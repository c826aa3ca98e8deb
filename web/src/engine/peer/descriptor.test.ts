import { expect, test } from "vitest";
import { dependencyDescriptor } from "./browser.ts";
import { midsWithDescriptor } from "./descriptor.ts";
import { isAtOrAfter } from "./reveal.ts";

test("midsWithDescriptor finds the m-lines that have it", () => {
  const sdp = [
    "v=0",
    "a=extmap-allow-mixed",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "m=video 9 UDP/TLS/RTP/SAVPF 98",
    "a=mid:1",
    `a=extmap:4/recvonly ${dependencyDescriptor}`,
    "m=video 9 UDP/TLS/RTP/SAVPF 98",
    "a=mid:2",
    `a=note:${dependencyDescriptor}`,
    "",
  ].join("\r\n");
  expect([...midsWithDescriptor(sdp)]).toEqual(["1"]);
  expect([...midsWithDescriptor("")]).toEqual([]);
});

test.each([
  [10, 10, true],
  [11, 10, true],
  [10, 11, false],
  [5, 0xffff_fff0, true],
  [0xffff_fff0, 5, false],
])("isAtOrAfter(%s, %s)", (a, b, want) => expect(isAtOrAfter(a, b)).toBe(want));
