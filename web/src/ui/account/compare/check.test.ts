import { describe, expect, it, vi } from "vitest";
import { AccountError } from "../../../account/account-error.ts";
import type { CheckState, Phase } from "../../../account/types.ts";
import { CheckView, isOver } from "./check.svelte.ts";

const state = (phase: Phase): CheckState => ({ id: "1", kind: "contact", with: "grace", phase });

/** Calls whose waits are answered by hand. */
function calls() {
  const waits: ((state: CheckState) => void)[] = [];
  return {
    waits,
    checkWait: vi.fn(() => new Promise<CheckState>((resolve) => waits.push(resolve))),
    checkMatch: vi.fn(() => Promise.resolve(state("matched"))),
    checkDiffer: vi.fn(() => Promise.resolve(state("differ"))),
    checkCancel: vi.fn(() => Promise.resolve(null)),
  };
}
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("a comparison on the page", () => {
  it("follows the state to its end and asks no more", async () => {
    const by = calls();
    const check = new CheckView(by);
    void check.begin(() => Promise.resolve(state("waiting")));
    await settled();
    by.waits[0]?.(state("compare"));
    await settled();
    expect(check.state?.phase).toBe("compare");
    await check.match();
    expect(check.state?.phase).toBe("matched");
    // What was waited for before the answer does not take the answer back.
    by.waits[1]?.(state("compare"));
    await settled();
    expect(check.state?.phase).toBe("matched");
    by.waits[2]?.(state("done"));
    await settled();
    expect(check.state?.phase).toBe("done");
    expect(by.checkWait).toHaveBeenCalledTimes(3);
  });

  it("stays red when the answer that they differ raises an alarm", async () => {
    const by = calls();
    by.checkDiffer.mockRejectedValueOnce(new AccountError({ code: "differ", message: "" }));
    const check = new CheckView(by);
    void check.begin(() => Promise.resolve(state("compare")));
    await settled();
    await check.differ();
    expect(check.state?.phase).toBe("differ");
    await check.match();
    expect(by.checkMatch).not.toHaveBeenCalled();
  });

  it("drops what an earlier one says", async () => {
    const by = calls();
    const check = new CheckView(by);
    void check.begin(() => Promise.resolve(state("waiting")));
    await settled();
    void check.begin(() => Promise.resolve({ ...state("waiting"), id: "2" }));
    await settled();
    by.waits[0]?.(state("done"));
    await settled();
    expect(check.state).toEqual({ ...state("waiting"), id: "2" });
  });

  it("is cancelled when the page goes before it ended, and only then", async () => {
    const by = calls();
    const check = new CheckView(by);
    void check.begin(() => Promise.resolve(state("waiting")));
    await settled();
    check.stop();
    expect(by.checkCancel).toHaveBeenCalledWith("1");
    const over = new CheckView(by);
    await over.begin(() => Promise.resolve(state("done")));
    over.stop();
    expect(by.checkCancel).toHaveBeenCalledTimes(1);
  });

  it("says why it could not begin", async () => {
    const check = new CheckView(calls());
    await check.begin(() => Promise.reject(new AccountError({ code: "offline", message: "" })));
    expect(check.fault).toBe("No connection to the server.");
    expect(check.busy).toBe(false);
  });

  it("knows its ends", () => {
    expect((["waiting", "compare", "matched"] as const).some(isOver)).toBe(false);
    expect((["done", "differ", "cancelled", "expired"] as const).every(isOver)).toBe(true);
  });
});
