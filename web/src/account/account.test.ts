import { afterEach, describe, expect, it, vi } from "vitest";
import { AccountError } from "./account-error.ts";
import type { AccountDoor, AccountHost, Answer } from "./bridge.d.ts";
import { deviceName } from "./device-name.ts";
import { base64url, withoutExtensions } from "./passkey.ts";
import type { KeptKey } from "./vault/lock.ts";
import type { Shelf } from "./vault/shelf.ts";
import { carry } from "./worker/carry.ts";
import { Keeper } from "./worker/keeper.ts";
import { holdAccount } from "./worker/tab-lock.ts";

afterEach(() => vi.unstubAllGlobals());

describe("a passkey's answer", () => {
  it("goes to the server without what extensions gave", () => {
    const answer = {
      id: "x",
      clientExtensionResults: { prf: { enabled: true, results: { first: "secret" } }, credProps: { rk: true } },
    };
    expect(withoutExtensions(answer)).toEqual({ id: "x", clientExtensionResults: {} });
    expect(answer.clientExtensionResults.prf.results.first).toBe("secret");
  });

  it("is written in base64url without padding", () => {
    expect(base64url(new Uint8Array([0xfb, 0xff, 0xfe]))).toBe("-__-");
    expect(base64url(new Uint8Array([0, 1, 2, 3]).subarray(1, 3))).toBe("AQI");
  });
});

describe("the name of this browser", () => {
  it("says browser and system", () => {
    const of = (userAgent: string): string => deviceName({ userAgent });
    expect(of("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")).toBe("Firefox on Linux");
    expect(of("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0 Safari/537.36")).toBe(
      "Chromium on Linux",
    );
    expect(of("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1")).toBe(
      "Safari on iOS",
    );
    expect(of("something else")).toBe("Browser");
  });
});

describe("carrying requests", () => {
  const request = { method: "POST", path: "/api/v1/x", header: { "Content-Type": "application/json" }, limit: 8 };
  const stub = (body: BodyInit): ReturnType<typeof vi.fn> => {
    const fetch = vi.fn(() => Promise.resolve(new Response(body, { status: 201, headers: { "content-type": "text/plain" } })));
    vi.stubGlobal("fetch", fetch);
    return fetch;
  };

  it("goes to the server of the page, without cookies and redirects", async () => {
    const fetch = stub("12345678");
    const answer = await carry("https://a.example", { ...request, body: new Uint8Array([1]) });
    expect([answer.status, answer.type, answer.body.length, answer.tooLarge]).toEqual([201, "text/plain", 8, false]);
    expect(fetch.mock.calls[0]?.[0]).toEqual(new URL("https://a.example/api/v1/x"));
    expect(fetch.mock.calls[0]?.[1]).toMatchObject({ redirect: "error", credentials: "omit", cache: "no-store" });
  });

  it("reads no more than was asked for", async () => {
    stub("123456789");
    const answer = await carry("https://a.example", { ...request, body: undefined });
    expect([answer.tooLarge, answer.body.length]).toEqual([true, 0]);
  });

  it("goes to no other server", async () => {
    const fetch = stub("");
    for (const path of ["//evil.example/x", "https://evil.example/x", "x"]) {
      await expect(carry("https://a.example", { ...request, path, body: undefined })).rejects.toThrow(TypeError);
    }
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe("the keeper", () => {
  const ground = (kept?: KeptKey, held = true) => {
    const shelf: Shelf = {
      key: () => Promise.resolve(kept),
      replace: (key) => Promise.resolve(void (kept = key)),
      get: () => Promise.resolve(undefined),
      put: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      names: () => Promise.resolve([]),
    };
    const door = {
      open: vi.fn((_host: AccountHost, _name: string): Promise<Answer> => Promise.resolve({ result: "null" })),
      call: vi.fn((): Promise<Answer> => Promise.resolve({ result: '{"stage":"ready"}' })),
      stretch: () => Promise.resolve(new Uint8Array(32)),
    } satisfies AccountDoor;
    const hold = vi.fn((steal: boolean) => Promise.resolve(held || steal));
    return { door, hold, shelf: () => Promise.resolve(shelf), carry: vi.fn() };
  };
  const open = { kind: "open", deviceName: "Firefox on Linux", steal: false } as const;
  const call = { kind: "call", method: "signInPassword", args: ["ada", "x"] } as const;

  it("opens the vault and passes calls on as JSON", async () => {
    const on = ground();
    const keeper = new Keeper(on);
    await expect(keeper.answer(call)).rejects.toMatchObject({ code: "locked" });
    expect(await keeper.answer(open)).toBe("open");
    expect(on.door.open.mock.calls[0]?.[1]).toBe("Firefox on Linux");
    expect(await keeper.answer(call)).toEqual({ stage: "ready" });
    expect(on.door.call).toHaveBeenCalledWith("signInPassword", '["ada","x"]');
  });

  it("turns a fault into an AccountError", async () => {
    const on = ground();
    const keeper = new Keeper(on);
    await keeper.answer(open);
    on.door.call.mockResolvedValueOnce({ fault: { code: "code-wrong", message: "", triesLeft: 2 } });
    await expect(keeper.answer(call)).rejects.toEqual(expect.objectContaining({ code: "code-wrong", triesLeft: 2 }));
  });

  it("touches nothing while another tab has the account, until it is to take it", async () => {
    const on = ground(undefined, false);
    const keeper = new Keeper(on);
    expect(await keeper.answer(open)).toBe("other-tab");
    expect(on.door.open).not.toHaveBeenCalled();
    expect(await keeper.answer({ ...open, steal: true })).toBe("open");
  });

  it("waits for the passphrase of a locked vault and refuses a wrong one", async () => {
    const locked: KeptKey = { kind: "locked", salt: new Uint8Array(16), wrapped: new Uint8Array(48) };
    const keeper = new Keeper(ground(locked));
    expect(await keeper.answer(open)).toBe("locked");
    await expect(keeper.answer({ kind: "unlock", passphrase: "wrong" })).rejects.toBeInstanceOf(AccountError);
    await expect(keeper.answer({ kind: "unlock", passphrase: "wrong" })).rejects.toMatchObject({ code: "passphrase" });
  });
});

describe("one tab at a time", () => {
  it("takes the account, yields to who has it, and hears when it is taken", async () => {
    let robbed: (error: Error) => void = () => undefined;
    const request = vi.fn(
      (_name: string, options: LockOptions, callback: (lock: Lock | null) => unknown): Promise<unknown> => {
        void callback(options.steal === true ? ({ name: "x" } as Lock) : null);
        return new Promise((_, reject) => (robbed = reject));
      },
    );
    const locks = { request } as unknown as LockManager;
    const taken = vi.fn();
    expect(await holdAccount(locks, false, taken, 0)).toBe(false);
    expect(await holdAccount(locks, true, taken)).toBe(true);
    robbed(new Error("stolen"));
    await vi.waitFor(() => expect(taken).toHaveBeenCalledOnce());
  });
});
