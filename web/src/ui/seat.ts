/**
 * One call at a time on a device. The tab in a call holds a lock; another tab
 * asks who holds it, and may take it, upon which the first leaves.
 */

const lockName = "conclave.call";
const channelName = "conclave.call";
const answerWithin = 300; // ms; tabs of one browser answer in a few
const yieldWithin = 5000; // ms; leaving tells the server first

type Said =
  | { readonly kind: "who"; readonly from: string }
  | { readonly kind: "here"; readonly to: string; readonly meeting: string }
  | { readonly kind: "yield" };

export type Claim = { readonly kind: "free" } | { readonly kind: "taken"; readonly sameMeeting: boolean };

export class Seat {
  readonly #id = crypto.getRandomValues(new Uint32Array(4)).join("-");
  readonly #channel = new BroadcastChannel(channelName);
  readonly #meeting: string;
  readonly #onyield: () => Promise<void>;
  #release: (() => void) | undefined;
  #disposed = false;

  /** onyield is called when another tab takes the call; the lock is free when it is done. */
  constructor(meeting: string, onyield: () => Promise<void>) {
    this.#meeting = meeting;
    this.#onyield = onyield;
    this.#channel.addEventListener("message", (event) => this.#hear(event.data));
  }

  /** Takes the lock if it is free; else says whether the other tab is in the same meeting. */
  async claim(): Promise<Claim> {
    if (this.#release) return { kind: "free" };
    if (await this.#lock({ ifAvailable: true })) return { kind: "free" };
    return { kind: "taken", sameMeeting: (await this.#ask()) === this.#meeting };
  }

  /** Asks the other tab to leave and waits for the lock; takes it by force when nobody answers. */
  async take(): Promise<void> {
    if (this.#release) return;
    this.#channel.postMessage({ kind: "yield" } satisfies Said);
    const late = AbortSignal.timeout(yieldWithin);
    if (await this.#lock({ signal: late }).catch(() => false)) return;
    await this.#lock({ steal: true });
  }

  /** Frees the lock; the seat can be claimed again. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  dispose(): void {
    this.#disposed = true;
    this.release();
    this.#channel.close();
  }

  #lock(options: LockOptions): Promise<boolean> {
    // Without locks (no secure context) there is nothing to hold, and the engine refuses anyway.
    if (!("locks" in navigator)) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(lockName, options, (lock) => {
        if (lock === null || this.#disposed) {
          resolve(false);
          return undefined;
        }
        resolve(true);
        return new Promise<void>((free) => {
          this.#release = free;
        });
      });
      held.catch((error: unknown) => {
        // Refused before it was held, or taken by force while it was.
        if (this.#release) {
          this.#release = undefined;
          void this.#onyield();
        }
        reject(error instanceof Error ? error : new Error("lock refused"));
      });
    });
  }

  #ask(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const answered = (event: MessageEvent<unknown>): void => {
        const said = parseSaid(event.data);
        if (said?.kind === "here" && said.to === this.#id) finish(said.meeting);
      };
      const timer = setTimeout(() => finish(undefined), answerWithin);
      const finish = (meeting: string | undefined): void => {
        clearTimeout(timer);
        this.#channel.removeEventListener("message", answered);
        resolve(meeting);
      };
      this.#channel.addEventListener("message", answered);
      this.#channel.postMessage({ kind: "who", from: this.#id } satisfies Said);
    });
  }

  #hear(data: unknown): void {
    const said = parseSaid(data);
    if (!said || !this.#release) return;
    if (said.kind === "who") {
      this.#channel.postMessage({ kind: "here", to: said.from, meeting: this.#meeting } satisfies Said);
    } else if (said.kind === "yield") {
      void this.#onyield().finally(() => this.release());
    }
  }
}

function parseSaid(data: unknown): Said | undefined {
  if (typeof data !== "object" || data === null || !("kind" in data)) return undefined;
  if (data.kind === "who" && "from" in data && typeof data.from === "string")
    return { kind: "who", from: data.from };
  if (data.kind === "yield") return { kind: "yield" };
  if (
    data.kind === "here" &&
    "to" in data &&
    "meeting" in data &&
    typeof data.to === "string" &&
    typeof data.meeting === "string"
  ) {
    return { kind: "here", to: data.to, meeting: data.meeting };
  }
  return undefined;
}
