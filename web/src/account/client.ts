import { startWorker } from "../engine/trusted.ts";
import { AccountError } from "./account-error.ts";
import { deviceName } from "./device-name.ts";
import { methodNames } from "./method-names.ts";
import { createPasskey, getPasskey, hasPasskeys } from "./passkey.ts";
import type { Access, AccountCalls, AccountClient, Status } from "./types.ts";
import type { AccountRequest, FromAccount, ToAccount } from "./worker/messages.ts";
import accountWorker from "./worker/worker.ts?worker&url";

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: AccountError) => void;
}

/** The page's end of the account worker. */
class WorkerClient {
  readonly #worker = startWorker(accountWorker, "conclave-account");
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #access: Access = "locked";
  #taken: (() => void) | undefined;
  #broken: AccountError | undefined;
  #ready: () => void = () => undefined;
  readonly #started = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });
  readonly passkeys = hasPasskeys();

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<FromAccount>) => this.#handle(data);
    this.#worker.onerror = () => this.#break("the worker did not start");
  }

  access(): Access {
    return this.#access;
  }

  onTaken(listener: () => void): void {
    this.#taken = listener;
  }

  dispose(): void {
    this.#break("the page is gone");
  }

  async open(steal: boolean): Promise<Access> {
    // The browser may say no; then it clears the vault when the disk is full, and other devices help.
    await navigator.storage?.persist?.().catch(() => false);
    this.#access = (await this.ask({ kind: "open", deviceName: deviceName(navigator), steal })) as Access;
    return this.#access;
  }

  takeOver(): Promise<Access> {
    return this.open(true);
  }

  async unlock(passphrase: string): Promise<Access> {
    this.#access = (await this.ask({ kind: "unlock", passphrase })) as Access;
    return this.#access;
  }

  async hasLock(): Promise<boolean> {
    return (await this.ask({ kind: "has-lock" })) === true;
  }

  async setLock(passphrase: string): Promise<void> {
    await this.ask({ kind: "set-lock", passphrase });
  }

  async passkeySignUp(handle: string, name: string): Promise<Status> {
    const { credential, id, prf } = await createPasskey(await this.#call("beginPasskeySignUp", [handle, name, ""]));
    return (await this.#call("finishPasskeySignUp", [credential, id, prf])) as Status;
  }

  async passkeySignIn(): Promise<Status> {
    const { credential, id, prf } = await getPasskey(await this.#call("beginPasskeySignIn", []));
    const status = (await this.#call("finishPasskeySignIn", [credential, id, prf])) as Status;
    if (status.stage !== "no-keys" || prf === "") return status;
    // A passkey that also seals opens the backup; where it does not, there are the other ways.
    return this.#call("recoverByPasskey", []).then(
      (recovered) => recovered as Status,
      () => status,
    );
  }

  calls(): AccountCalls {
    const entries = methodNames.map((name) => [name, (...args: unknown[]) => this.#call(name, args)]);
    return Object.fromEntries(entries) as unknown as AccountCalls;
  }

  async ask(request: AccountRequest): Promise<unknown> {
    // Ends also when the worker breaks.
    await this.#started;
    if (this.#broken) throw this.#broken;
    return new Promise((resolve, reject) => {
      const number = ++this.#requests;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ ...request, request: number } satisfies ToAccount);
    });
  }

  #call(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.ask({ kind: "call", method, args });
  }

  #handle(message: FromAccount): void {
    switch (message.kind) {
      case "ready":
        this.#ready();
        return;
      case "broken":
        this.#break(message.message);
        return;
      case "taken":
        this.#access = "other-tab";
        this.#break("another tab has the account");
        this.#taken?.();
        return;
      case "result":
        this.#waiting.get(message.request)?.resolve(message.result);
        this.#waiting.delete(message.request);
        return;
      case "fault":
        this.#waiting.get(message.request)?.reject(new AccountError(message.fault));
        this.#waiting.delete(message.request);
        return;
      default:
        message satisfies never;
    }
  }

  /** Nothing more comes of the worker: what waits is told, and it is ended. */
  #break(message: string): void {
    this.#broken ??= new AccountError({ code: "worker", message });
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
    this.#ready();
    this.#worker.terminate();
  }
}

/** Starts the account of this browser. Rejects with an AccountError. */
export async function openAccount(): Promise<AccountClient> {
  const client = new WorkerClient();
  await client.open(false);
  return Object.assign(client, client.calls());
}
