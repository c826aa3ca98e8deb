import { describe, expect, test } from "vitest";
import { decodedBy, Gate, sentBy } from "./gate.ts";

describe("Gate", () => {
  test("opens once enough has left through the worker", () => {
    const gate = new Gate("frames");
    expect(gate.check({ sent: 0, passed: 0 })).toBe("closed");
    expect(gate.check({ sent: 2, passed: 9 })).toBe("closed");
    expect(gate.check({ sent: 3, passed: 3 })).toBe("open");
    expect(gate.check({ sent: 400, passed: 402 })).toBe("open");
  });

  test("stays closed when nothing leaves, whatever the worker does", () => {
    const gate = new Gate("frames");
    for (let passed = 0; passed < 100; passed++) {
      expect(gate.check({ sent: 0, passed })).toBe("closed");
    }
  });

  test.each([
    ["at once, nothing passing the worker", [{ sent: 60, passed: 0 }]],
    [
      "before it opened",
      [
        { sent: 1, passed: 1 },
        { sent: 5, passed: 2 },
      ],
    ],
    [
      "after it opened",
      [
        { sent: 50, passed: 50 },
        { sent: 60, passed: 58 },
      ],
    ],
  ])("is breached %s, and stays so", (_name, samples) => {
    const gate = new Gate("frames");
    expect(samples.map((sample) => gate.check(sample)).at(-1)).toBe("breached");
    expect(gate.check({ sent: 3, passed: 1000 })).toBe("breached");
  });

  test("one picture may be in flight, but no byte of sound", () => {
    expect(new Gate("frames").check({ sent: 10, passed: 9 })).toBe("open");
    expect(new Gate("bytes").check({ sent: 1000, passed: 999 })).toBe("breached");
    expect(new Gate("bytes").check({ sent: 1000, passed: 1000 })).toBe("open");
  });
});

describe("sentBy", () => {
  const report = [
    { type: "outbound-rtp", kind: "video", framesSent: 134, bytesSent: 9000 },
    { type: "outbound-rtp", kind: "video", framesSent: 138 },
    { type: "remote-inbound-rtp", framesSent: 5 },
    { type: "media-source", frames: 7 },
  ];
  test("sums the frames of all encodings", () => expect(sentBy(report, "frames")).toBe(272));
  test("leaves out what was sent again", () => {
    expect(sentBy([{ type: "outbound-rtp", bytesSent: 900, retransmittedBytesSent: 100 }], "bytes")).toBe(
      800,
    );
  });
  test("without figures nothing was sent, so that the gate stays closed", () => {
    expect(sentBy([{ type: "outbound-rtp", kind: "audio" }], "bytes")).toBe(0);
  });
});

test("decodedBy sums pictures by m-line", () => {
  const report = [
    { type: "inbound-rtp", kind: "video", mid: "1", framesDecoded: 4 },
    { type: "inbound-rtp", kind: "video", mid: "1", framesDecoded: 5 },
    { type: "inbound-rtp", kind: "video", mid: "2" },
    { type: "inbound-rtp", kind: "audio", mid: "0" },
  ];
  expect([...decodedBy(report)]).toEqual([
    ["1", 9],
    ["2", 0],
  ]);
});
