import { describe, expect, it } from "vitest";
import type { KeptKey, Stretch } from "./lock.ts";
import { PassphraseError } from "./lock.ts";
import { DamagedError, newVaultKey, open, seal } from "./seal.ts";
import type { Shelf } from "./shelf.ts";
import { Vault } from "./vault.ts";

/** A shelf in memory, open to the test's hands. */
class MapShelf implements Shelf {
  kept: KeptKey | undefined;
  values = new Map<string, Uint8Array>();
  key = (): Promise<KeptKey | undefined> => Promise.resolve(this.kept);
  get = (name: string): Promise<Uint8Array | undefined> => Promise.resolve(this.values.get(name));
  names = (): Promise<readonly string[]> => Promise.resolve([...this.values.keys()]);
  put = (name: string, value: Uint8Array): Promise<void> => {
    this.values.set(name, value);
    return Promise.resolve();
  };
  remove = (name: string): Promise<void> => {
    this.values.delete(name);
    return Promise.resolve();
  };
  replace = (key: KeptKey, values: ReadonlyMap<string, Uint8Array>): Promise<void> => {
    this.kept = key;
    this.values = new Map(values);
    return Promise.resolve();
  };
}

const stretch: Stretch = async (passphrase, salt) => {
  const text = new TextEncoder().encode(passphrase);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array([...salt, ...text])));
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

describe("a sealed value", () => {
  it("opens under its name and key, and under no other", async () => {
    const [key, other] = [await newVaultKey(), await newVaultKey()];
    const sealed = await seal(key, "device", bytes("secret"));
    expect(text(await open(key, "device", sealed))).toBe("secret");
    await expect(open(key, "session", sealed)).rejects.toThrow(DamagedError);
    await expect(open(other, "device", sealed)).rejects.toThrow(DamagedError);
  });

  it("is refused when a bit of it was changed, or when it was cut short", async () => {
    const key = await newVaultKey();
    const sealed = await seal(key, "device", bytes("secret"));
    for (let i = 0; i < sealed.length; i++) {
      const changed = new Uint8Array(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      await expect(open(key, "device", changed), `byte ${i}`).rejects.toThrow(DamagedError);
      await expect(open(key, "device", sealed.slice(0, i)), `${i} bytes`).rejects.toThrow(DamagedError);
    }
  });

  it("never looks the same twice", async () => {
    const key = await newVaultKey();
    expect(await seal(key, "a", bytes("x"))).not.toEqual(await seal(key, "a", bytes("x")));
  });

  it("is sealed under a key that scripts cannot read", async () => {
    await expect(crypto.subtle.exportKey("raw", await newVaultKey())).rejects.toThrow();
  });
});

describe("the vault", () => {
  it("keeps values over a restart, and no plain text", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    await vault.put("account/device", bytes("the key of this device"));
    await vault.put("account/session", bytes("token"));
    const again = await Vault.open(shelf, "", stretch);
    expect(text(await again.get("account/device"))).toBe("the key of this device");
    expect(await again.get("account/none")).toBeUndefined();
    expect(await again.keys("account/")).toEqual(["account/device", "account/session"]);
    for (const value of shelf.values.values()) expect(text(value)).not.toMatch(/key of|token/u);
    await again.remove("account/device");
    expect(await again.get("account/device")).toBeUndefined();
  });

  it("writes nothing more once it is closed", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    vault.close();
    await expect(vault.put("a", bytes("1"))).rejects.toThrow("closed");
    expect(shelf.values.size).toBe(0);
  });

  it("notices that two values were exchanged", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    await vault.put("a", bytes("1"));
    await vault.put("b", bytes("2"));
    const [a, b] = [shelf.values.get("a"), shelf.values.get("b")];
    if (a && b) shelf.values = new Map([["a", b], ["b", a]]);
    await expect(vault.get("a")).rejects.toThrow(DamagedError);
  });
});

describe("the app lock", () => {
  it("keeps the key out of the database and opens with the passphrase only", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    await vault.put("a", bytes("1"));
    const unlocked = shelf.values.get("a");
    await vault.setLock("correct horse", stretch);
    expect(shelf.kept?.kind).toBe("locked");
    expect(shelf.values.get("a")).not.toEqual(unlocked);
    expect(await vault.hasLock()).toBe(true);
    await vault.put("b", bytes("2"));
    await expect(Vault.open(shelf, "wrong horse", stretch)).rejects.toThrow(PassphraseError);
    const again = await Vault.open(shelf, "correct horse", stretch);
    expect([text(await again.get("a")), text(await again.get("b"))]).toEqual(["1", "2"]);
  });

  it("can be taken off, after which nothing is asked", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    await vault.put("a", bytes("1"));
    await vault.setLock("correct horse", stretch);
    await vault.setLock("", stretch);
    expect(await Vault.locked(shelf)).toBe(false);
    expect(text(await (await Vault.open(shelf, "", stretch)).get("a"))).toBe("1");
  });

  it("loses nothing that is written while it is set", async () => {
    const shelf = new MapShelf();
    const vault = await Vault.open(shelf, "", stretch);
    await Promise.all([vault.put("a", bytes("1")), vault.setLock("horse", stretch), vault.put("b", bytes("2"))]);
    const again = await Vault.open(shelf, "horse", stretch);
    expect([text(await again.get("a")), text(await again.get("b"))]).toEqual(["1", "2"]);
  });
});
