/*
 * The vault of this browser: what client/vault asks of a store, sealed value by
 * value. Its key never leaves the browser's own key storage, or, with the app
 * lock on, is nowhere until the passphrase is typed. Names are not sealed: who
 * reads the browser's files learns how much there is and the ids of contacts.
 */
import { lockedKey, unlockKey, type Stretch } from "./lock.ts";
import { newVaultKey, open, seal } from "./seal.ts";
import type { Shelf } from "./shelf.ts";

export class Vault {
  readonly #shelf: Shelf;
  #key: CryptoKey;
  #closed = false;
  /** Calls wait for one another, so that a change of the lock misses none. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(shelf: Shelf, key: CryptoKey) {
    this.#shelf = shelf;
    this.#key = key;
  }

  /** Whether a passphrase is needed to open it. */
  static async locked(shelf: Shelf): Promise<boolean> {
    return (await shelf.key())?.kind === "locked";
  }

  /** Opens the vault, making it if there is none. Rejects with a PassphraseError where the passphrase is wrong. */
  static async open(shelf: Shelf, passphrase: string, stretch: Stretch): Promise<Vault> {
    const kept = await shelf.key();
    if (kept) return new Vault(shelf, await unlockKey(kept, passphrase, stretch));
    const key = await newVaultKey();
    await shelf.replace({ kind: "plain", key }, new Map());
    return new Vault(shelf, key);
  }

  get(name: string): Promise<Uint8Array | undefined> {
    return this.#inTurn(async () => {
      const sealed = await this.#shelf.get(name);
      return sealed && open(this.#key, name, sealed);
    });
  }

  put(name: string, value: Uint8Array): Promise<void> {
    return this.#inTurn(async () => this.#shelf.put(name, await seal(this.#key, name, value)));
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(() => this.#shelf.remove(name));
  }

  /** The names that begin with prefix, sorted by their bytes. */
  async keys(prefix: string): Promise<readonly string[]> {
    const names = await this.#shelf.names();
    // Names are ASCII, for which this order is that of the bytes.
    return names.filter((name) => name.startsWith(prefix)).toSorted((a, b) => (a < b ? -1 : Number(a > b)));
  }

  hasLock(): Promise<boolean> {
    return Vault.locked(this.#shelf);
  }

  /** Seals everything under a new key: one that the passphrase opens, or without a lock if it is empty. */
  setLock(passphrase: string, stretch: Stretch): Promise<void> {
    return this.#inTurn(async () => {
      const { key, kept } =
        passphrase === "" ? await plainKey() : await lockedKey(passphrase, stretch);
      const values = new Map<string, Uint8Array>();
      for (const name of await this.#shelf.names()) {
        const sealed = await this.#shelf.get(name);
        if (sealed) values.set(name, await seal(key, name, await open(this.#key, name, sealed)));
      }
      await this.#shelf.replace(kept, values);
      this.#key = key;
    });
  }

  /** From now on nothing is read or written: another tab has the account. */
  close(): void {
    this.#closed = true;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = (): Promise<T> => (this.#closed ? Promise.reject(new Error("the vault is closed")) : work());
    const next = this.#last.then(turn, turn);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

async function plainKey(): Promise<{ key: CryptoKey; kept: { kind: "plain"; key: CryptoKey } }> {
  const key = await newVaultKey();
  return { key, kept: { kind: "plain", key } };
}
