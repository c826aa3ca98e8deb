/**
 * The door between the account worker and the Go code in conclave-account.wasm:
 * the one description of `globalThis.conclaveAccount`. It converts types and
 * decides nothing; what the methods do is in client/account.
 */
import type { AccountFault } from "./account-error.ts";

/** What the Go side asks of the worker. */
export interface AccountHost {
  /** Carries a request to the server that served the page. Rejects if there is no answer. */
  request(request: HostRequest): Promise<HostResponse>;
  /** The value under a key of the vault; undefined if there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** The keys that begin with prefix, sorted. */
  keys(prefix: string): Promise<readonly string[]>;
}

export interface HostRequest {
  readonly method: string;
  /** Begins with "/". */
  readonly path: string;
  readonly header: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** Most bytes of the answer. */
  readonly limit: number;
}

/** `tooLarge` says that the body was over the limit; then it is empty. */
export interface HostResponse {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  readonly tooLarge: boolean;
}

/** `result` is JSON; `fault` is there if it went wrong. */
export interface Answer {
  readonly result?: string;
  readonly fault?: AccountFault;
}

export interface AccountDoor {
  /** Opens the account that the vault holds. Call it once. */
  open(host: AccountHost, deviceName: string): Promise<Answer>;
  /** Calls a method by its name; the arguments are a JSON list. Never rejects. */
  call(method: string, args: string): Promise<Answer>;
  /** Argon2id of a passphrase: 32 bytes for the lock of this browser's vault. */
  stretch(passphrase: string, salt: Uint8Array): Promise<Uint8Array>;
}

declare global {
  /** Set by conclave-account.wasm before its `conclaveReady` callback is called. */
  // eslint-disable-next-line no-var
  var conclaveAccount: AccountDoor | undefined;
}
