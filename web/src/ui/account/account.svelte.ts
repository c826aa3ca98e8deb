import { toAccountError } from "../../account/account-error.ts";
import type {
  AccountClient,
  Alarm,
  Change,
  CheckState,
  Contact,
  Device,
  DeviceRequest,
  SignIn,
  Status,
} from "../../account/types.ts";
import { keepHint } from "./hint.ts";

export type Opening = "loading" | "failed" | "open" | "locked" | "other-tab";

const pause = 5000; // ms after news could not be heard
const joinPause = 700; // ms between looks for a device that was approved
const joinTries = 20;
const monitorEvery = 600_000; // ms between checks of the directory

/** The account as the pages see it. All that is shown comes from here; the keys are in the worker. */
export class Account {
  opening = $state<Opening>("loading");
  status = $state.raw<Status | undefined>();
  devices = $state.raw<readonly Device[]>([]);
  history = $state.raw<readonly Change[]>([]);
  requests = $state.raw<readonly DeviceRequest[]>([]);
  sessions = $state.raw<readonly SignIn[]>([]);
  contacts = $state.raw<readonly Contact[]>([]);
  incoming = $state.raw<readonly CheckState[]>([]);
  alarms = $state.raw<readonly Alarm[]>([]);
  /** The code of what went wrong at opening. */
  fault = $state<unknown>();

  readonly #open: () => Promise<AccountClient>;
  #client: AccountClient | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Counts up whenever listening begins or ends; what an earlier one hears is dropped. */
  #listening = 0;

  constructor(open: () => Promise<AccountClient>) {
    this.#open = open;
  }

  /** The calls of the account. Only pages that are shown when it is open use them. */
  get do(): AccountClient {
    if (!this.#client) throw new Error("the account is not open");
    return this.#client;
  }

  async start(): Promise<void> {
    try {
      this.opening = "loading";
      this.#client = await this.#open();
      this.#client.onTaken(() => this.#taken());
      await this.#opened(this.#client.access());
    } catch (error) {
      this.#failed(error);
    }
  }

  async unlock(passphrase: string): Promise<void> {
    await this.#opened(await this.do.unlock(passphrase));
  }

  async takeOver(): Promise<void> {
    try {
      this.opening = "loading";
      if (this.#client?.access() !== "other-tab" || this.#robbed) this.#client = await this.#open();
      this.#robbed = false;
      this.#client.onTaken(() => this.#taken());
      await this.#opened(await this.#client.takeOver());
    } catch (error) {
      this.#failed(error);
    }
  }
  #robbed = false;

  stop(): void {
    clearInterval(this.#timer);
    this.#listening++;
  }

  /** Ends the account's worker; the page is gone. */
  close(): void {
    this.stop();
    this.#client?.dispose();
  }

  /** Takes a new status, and reads again what depends on it. */
  async arrived(status: Status): Promise<void> {
    const ready = status.stage === "ready";
    this.status = status;
    keepHint(ready ? (status.handle ?? "") : "");
    if (!ready) return;
    await this.reload();
    this.#watch();
  }

  /** Reads everything that is shown again. */
  async reload(): Promise<void> {
    await Promise.all([this.reloadDevices(), this.reloadContacts(), this.reloadAlarms()]);
  }

  async reloadDevices(): Promise<void> {
    const [devices, history, requests, sessions] = await Promise.all([
      this.do.devices(),
      this.do.history().catch(() => this.history),
      this.do.requests().catch(() => this.requests),
      this.do.sessions().catch(() => this.sessions),
    ]);
    this.devices = devices ?? [];
    this.history = (history ?? []).toSorted((a, b) => b.time - a.time);
    this.requests = requests ?? [];
    this.sessions = sessions ?? [];
  }

  /** Reads the devices until one more is there: a device that was approved lists itself. */
  async awaitDevice(): Promise<void> {
    const before = this.devices.length;
    for (let tries = 0; tries < joinTries && this.devices.length <= before; tries++) {
      await new Promise((resolve) => setTimeout(resolve, joinPause));
      await this.reloadDevices();
    }
    this.status = await this.do.status();
  }

  async reloadContacts(): Promise<void> {
    const [contacts, incoming] = await Promise.all([
      this.do.contacts(),
      this.do.incoming().catch(() => this.incoming),
    ]);
    this.contacts = contacts ?? [];
    this.incoming = incoming ?? [];
  }

  async reloadAlarms(): Promise<void> {
    this.alarms = (await this.do.alarms()) ?? [];
  }

  /** Checks the directory now; reports how many alarms there are. */
  async monitor(): Promise<number> {
    try {
      await this.do.monitor();
      this.status = await this.do.status();
    } finally {
      await this.reloadAlarms();
    }
    return this.alarms.length;
  }

  contact(handle: string): Contact | undefined {
    return this.contacts.find((c) => c.handle === handle);
  }

  async #opened(access: "open" | "locked" | "other-tab"): Promise<void> {
    if (access === "open") await this.arrived(await this.do.status());
    this.opening = access;
  }

  #failed(error: unknown): void {
    this.fault = toAccountError(error);
    this.opening = "failed";
  }

  #taken(): void {
    this.stop();
    this.#robbed = true;
    this.opening = "other-tab";
  }

  /** Checks the directory now and from time to time, and hears who asks to be let in or to compare. */
  #watch(): void {
    this.stop();
    const check = (): void => {
      if (document.visibilityState === "visible") void this.monitor().catch(() => undefined);
    };
    this.#timer = setInterval(check, monitorEvery);
    check();
    void this.#listen(this.#listening);
  }

  async #listen(run: number): Promise<void> {
    while (run === this.#listening && this.status?.stage === "ready") {
      try {
        const { kind } = await this.do.next();
        if (run !== this.#listening) return;
        if (kind === "check") await this.reloadContacts();
        else if (kind !== "") await Promise.all([this.reloadDevices(), this.reloadAlarms()]);
      } catch (error) {
        const { code } = toAccountError(error);
        // A device that was removed, or signed out elsewhere, learns it here.
        if (code === "no-session" || code === "not-bound") {
          await this.arrived(await this.do.refresh().catch(() => this.do.status())).catch(() => undefined);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }
}
