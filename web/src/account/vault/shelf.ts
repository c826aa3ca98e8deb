/*
 * Where the sealed values lie: one object store for them, one for the key. In
 * the browser an IndexedDB, in tests a map.
 */
import type { KeptKey } from "./lock.ts";

/** Named values, and the vault's key beside them. Every call is atomic and durable when it ends. */
export interface Shelf {
  key(): Promise<KeptKey | undefined>;
  /** Puts the key and all values in one step, in place of what is there. */
  replace(key: KeptKey, values: ReadonlyMap<string, Uint8Array>): Promise<void>;
  get(name: string): Promise<Uint8Array | undefined>;
  put(name: string, value: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

const keys = "keys";
const values = "values";
const only = "vault";

/** Opens the database of this origin and asks the browser not to clear it by itself. */
export async function openShelf(name = "conclave-account"): Promise<Shelf> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(keys);
    request.result.createObjectStore(values);
  };
  return new DatabaseShelf(await done(request));
}

class DatabaseShelf implements Shelf {
  readonly #db: IDBDatabase;

  constructor(db: IDBDatabase) {
    this.#db = db;
  }

  async key(): Promise<KeptKey | undefined> {
    return (await done(this.#db.transaction(keys).objectStore(keys).get(only))) as KeptKey | undefined;
  }

  replace(key: KeptKey, all: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#write([keys, values], (of) => {
      of(keys).put(key, only);
      of(values).clear();
      for (const [name, value] of all) of(values).put(value, name);
    });
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const found: unknown = await done(this.#db.transaction(values).objectStore(values).get(name));
    return found instanceof Uint8Array ? found : undefined;
  }

  put(name: string, value: Uint8Array): Promise<void> {
    return this.#write([values], (of) => of(values).put(value, name));
  }

  remove(name: string): Promise<void> {
    return this.#write([values], (of) => of(values).delete(name));
  }

  async names(): Promise<readonly string[]> {
    const found = await done(this.#db.transaction(values).objectStore(values).getAllKeys());
    return found.filter((name) => typeof name === "string");
  }

  /** Runs one transaction and waits until it is on the disk, as far as the browser tells. */
  #write(stores: string[], work: (of: (store: string) => IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#db.transaction(stores, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("the browser stored nothing"));
      work((store) => transaction.objectStore(store));
    });
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database failed"));
  });
}
