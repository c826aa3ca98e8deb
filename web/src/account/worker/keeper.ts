import { AccountError } from "../account-error.ts";
import type { AccountDoor, Answer, HostRequest, HostResponse } from "../bridge.d.ts";
import type { Access } from "../types.ts";
import { PassphraseError } from "../vault/lock.ts";
import { DamagedError } from "../vault/seal.ts";
import type { Shelf } from "../vault/shelf.ts";
import { Vault } from "../vault/vault.ts";
import type { AccountRequest } from "./messages.ts";

/** What the keeper stands on. */
export interface Ground {
  readonly door: AccountDoor;
  readonly shelf: () => Promise<Shelf>;
  readonly carry: (request: HostRequest) => Promise<HostResponse>;
  /** Takes the account for this tab; false: another tab has it. */
  readonly hold: (steal: boolean) => Promise<boolean>;
}

/** Holds the vault and the Go account that lives in it, and answers the page. */
export class Keeper {
  readonly #ground: Ground;
  #vault: Vault | undefined;
  #deviceName = "";
  #held = false;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Answers one request. Rejects with an AccountError. */
  async answer(request: AccountRequest): Promise<unknown> {
    switch (request.kind) {
      case "open":
        this.#deviceName = request.deviceName;
        return this.#open(request.steal, "");
      case "unlock":
        return this.#open(false, request.passphrase);
      case "has-lock":
        return this.#opened().hasLock();
      case "set-lock":
        await this.#opened().setLock(request.passphrase, this.#stretch);
        return null;
      case "call":
        this.#opened();
        return read(await this.#ground.door.call(request.method, JSON.stringify(request.args)));
      default:
        return request satisfies never;
    }
  }

  /** Another tab has the account: what the Go side still does reaches the vault no more. */
  taken(): void {
    this.#vault?.close();
  }

  async #open(steal: boolean, passphrase: string): Promise<Access> {
    if (this.#vault) return "open";
    this.#held ||= await this.#ground.hold(steal);
    if (!this.#held) return "other-tab";
    const shelf = await this.#ground.shelf();
    if (passphrase === "" && (await Vault.locked(shelf))) return "locked";
    const vault = await Vault.open(shelf, passphrase, this.#stretch).catch((error: unknown) => {
      throw faultOf(error);
    });
    const host = {
      request: this.#ground.carry,
      get: (key: string) => vault.get(key),
      put: (key: string, value: Uint8Array) => vault.put(key, value),
      remove: (key: string) => vault.remove(key),
      keys: (prefix: string) => vault.keys(prefix),
    };
    read(await this.#ground.door.open(host, this.#deviceName));
    this.#vault = vault;
    return "open";
  }

  readonly #stretch = (passphrase: string, salt: Uint8Array): Promise<Uint8Array> =>
    this.#ground.door.stretch(passphrase, salt);

  #opened(): Vault {
    if (!this.#vault) throw new AccountError({ code: "locked", message: "the vault is not open" });
    return this.#vault;
  }
}

function read(answer: Answer): unknown {
  if (answer.fault) throw new AccountError(answer.fault);
  return answer.result === undefined ? null : JSON.parse(answer.result);
}

function faultOf(error: unknown): AccountError {
  const code =
    error instanceof PassphraseError ? "passphrase" : error instanceof DamagedError ? "damaged" : "storage";
  return new AccountError({ code, message: error instanceof Error ? error.message : "not an error" });
}
