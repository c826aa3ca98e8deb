import { describe, expect, it } from "vitest";
import { AccountError } from "../../account/account-error.ts";
import type { Device } from "../../account/types.ts";
import { alarmText, shapeOf } from "./alarms.ts";
import { day } from "./date.ts";
import { inOrder } from "./device-order.ts";
import { faultText } from "./faults.ts";
import { handleFault, nameFault, typedHandle } from "./handle.ts";
import { stateOf, standing } from "./person.ts";
import { typedWords } from "./words-typed.ts";

const time = Date.UTC(2026, 4, 5, 14, 0);

describe("alarms", () => {
  it("have the exact words of the design", () => {
    const said: readonly [Parameters<typeof alarmText>[0], string][] = [
      [{ message: "proof", time }, "The key directory gave a wrong proof. New contacts are paused; your conversations go on."],
      [{ message: "reset", name: "Grace", time }, "Grace’s identity was reset. Verify Grace before you send."],
      [{ message: "own-identity", time }, "Someone published a new identity for you. It was not this device."],
      [{ message: "keypackage", name: "Bob", device: "phone", time }, "Could not add Bob’s phone: wrong keys."],
      [{ message: "own-device", device: "Old tablet", time }, "New device “Old tablet” was added to your account."],
      [{ message: "rollback", have: 812, want: 900, time }, "The server lost or hid history (812 of 900 entries)."],
      [
        { message: "witness", have: 1, want: 2, time },
        "The directory is confirmed by 1 of your 2 witnesses. New contacts are paused.",
      ],
      [{ message: "split", name: "Kofi", time }, "You and Kofi are shown different directories. Evidence saved."],
      [{ message: "handle-moved", handle: "lin", time }, "The handle @lin now belongs to a different person."],
      [{ message: "clock", have: 0, want: 86_400_000, time }, "This device’s clock differs from the witnesses by 1 day."],
      [{ message: "stale", handle: "kofi", time }, "The server returned outdated keys for kofi. Not used."],
    ];
    for (const [alarm, words] of said) expect(alarmText(alarm), alarm.message).toBe(words);
    expect(alarmText({ message: "frozen", time })).toMatch(
      /^The key directory has not moved since Tuesday.+\d\d.*\. New contacts are paused\.$/u,
    );
    expect(alarmText({ message: "nothing-known", time })).toBeUndefined();
  });

  it("offer to save a proof only where there is one", () => {
    expect(shapeOf({ message: "proof", evidence: true }).actions).toContain("save");
    expect(shapeOf({ message: "proof", evidence: false }).actions).not.toContain("save");
  });

  it("always leave something to do", () => {
    expect(shapeOf({ message: "nothing-known", evidence: false }).actions.length).toBeGreaterThan(0);
  });
});

describe("what did not work", () => {
  const fault = (code: string, more: { triesLeft?: number; retryMs?: number } = {}): AccountError =>
    new AccountError({ code, message: "", ...more });

  it("is said with the tries that are left", () => {
    expect(faultText(fault("code-wrong", { triesLeft: 3 }))).toBe(
      "These words do not open the backup. 3 of 5 tries left.",
    );
    expect(faultText(fault("code-wrong", { triesLeft: 0, retryMs: 900_000 }))).toBe(
      "Too many tries. Next one in 15 minutes.",
    );
    expect(faultText(fault("sign-in-failed", { triesLeft: 1 }))).toMatch(/ 1 try left\.$/u);
  });

  it("is said with the handle, and with the words of an alarm", () => {
    expect(faultText(fault("handle-taken"), "ada")).toBe(
      "@ada is taken, or looks like a handle that is. Choose another.",
    );
    expect(faultText(fault("stale"), "Kofi")).toBe("The server returned outdated keys for Kofi. Not used.");
  });

  it("has a code of its own where nobody knows it, and shows no message of a program", () => {
    const text = faultText(new Error("panic: index out of range"));
    expect(text).toMatch(/^This did not work, and it is our fault\. Code [0-9a-f]{4}\.$/u);
  });
});

describe("what people type", () => {
  it("is a handle without its sign", () => {
    expect(typedHandle("  @Ada ")).toBe("ada");
    for (const good of ["ada", "a.d", "ada-2", "анна", "l_b"]) expect(handleFault(good), good).toBeUndefined();
    for (const bad of ["a", ".ada", "ada.", "a da", "a".repeat(33), "ad@"]) expect(handleFault(bad), bad).toBe("up.handle.wrong");
    expect(handleFault("")).toBe("up.handle.missing");
  });

  it("is a name of up to 64 bytes", () => {
    expect(nameFault(" ")).toBe("up.name.missing");
    expect(nameFault("Ж".repeat(32))).toBeUndefined();
    expect(nameFault("Ж".repeat(33))).toBe("up.name.long");
  });

  it("is a recovery code, whatever stands between its words", () => {
    expect(typedWords(" 1. Harbor 2. lantern,\noak ")).toEqual(["harbor", "lantern", "oak"]);
  });
});

describe("a person", () => {
  it("is green only when it is earned, and red after a reset", () => {
    expect(stateOf({ verified: "none", state: "ok" })).toBe("unverified");
    expect(stateOf({ verified: "contact", state: "ok" })).toBe("verified");
    expect(stateOf({ verified: "emoji", state: "reset" })).toBe("exposed");
    expect(standing({ verified: "qr", state: "ok" })).toBe("con.state.qr");
    expect(standing({ verified: "qr", state: "reset" })).toBe("con.state.reset");
  });
});

describe("devices", () => {
  const device = (id: string, added: number, more: Partial<Device> = {}): Device => ({
    id,
    name: id,
    class: "web",
    added,
    ...more,
  });
  it("are listed with this one first and the removed last", () => {
    const list = [device("c", 3), device("gone", 1, { removed: 9 }), device("a", 1), device("me", 5, { this: true })];
    expect(inOrder(list).map((d) => d.id)).toEqual(["me", "a", "c", "gone"]);
  });
  it("are dated by day, with the year where it is another", () => {
    expect(day(time, time)).toBe("today");
    expect(day(time - 86_400_000, time)).toBe("yesterday");
    expect(day(time - 400 * 86_400_000, time)).toContain("2025");
  });
});
