import type { FrameKey } from "../sframe/aead.ts";
import type { Context } from "../sframe/kid.ts";
import { ReplayWindow } from "../sframe/replay.ts";
import { Counter } from "./counter.ts";
import type { KeyMessage, KeyRequest, OpenedCounter } from "./messages.ts";

/** A key to seal with and its counter. */
export interface Sealing {
  readonly key: FrameKey;
  readonly counter: Counter;
}

/** A key to open with and what was already opened with it. */
export interface Opening {
  readonly key: FrameKey;
  readonly window: ReplayWindow;
  readonly epoch: number;
}

interface Held extends Opening {
  /** When the key ends, or undefined while its epoch is the current one. */
  until: number | undefined;
}

/**
 * The keys of the current epoch, and those of the epochs before as long as
 * they still open frames. Only the current epoch's are sealed with.
 */
export class Keys {
  readonly #toSession: (request: KeyRequest) => void;
  readonly #now: () => number;
  readonly #sealing = new Map<Context, Sealing>();
  readonly #opening = new Map<bigint, Held>();
  readonly #waiting = new Set<() => void>();
  #epoch = -1;
  #generation = 0;

  constructor(toSession: (request: KeyRequest) => void, now: () => number) {
    this.#toSession = toSession;
    this.#now = now;
  }

  /** Takes what the session worker sent. Returns true when an epoch began in which someone joined. */
  receive(message: KeyMessage): boolean {
    switch (message.kind) {
      case "epoch":
        return this.#begin(message);
      case "lease":
        this.#extend(message);
        return false;
      case "drop":
        this.drop();
        this.#toSession({ kind: "dropped" });
        return false;
      default:
        return unreachable(message);
    }
  }

  /**
   * Counts up whenever all keys are dropped. What was being sealed or opened
   * when that happened must not be handed on.
   */
  get generation(): number {
    return this.#generation;
  }

  /** Forgets all keys at once. The next epoch may have any number. */
  drop(): void {
    this.#generation++;
    this.#epoch = -1;
    this.#sealing.clear();
    this.#opening.clear();
  }

  /** Forgets the keys whose time is over. */
  expire(): void {
    for (const [kid, { until }] of this.#opening) {
      if (until !== undefined && until <= this.#now()) {
        this.#opening.delete(kid);
      }
    }
  }

  /** The key and counter to seal a stream with; undefined before the first epoch. */
  sealing(context: Context): Sealing | undefined {
    return this.#sealing.get(context);
  }

  /** The one key for a KID; undefined when there is none or its time is over. */
  opening(kid: bigint): Opening | undefined {
    const held = this.#opening.get(kid);
    if (held?.until !== undefined && this.#now() >= held.until) {
      this.#opening.delete(kid);
      return undefined;
    }
    return held;
  }

  /** Resolves when new keys have come, or when the time is over. */
  async changed(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      this.#waiting.add(wake);
    });
  }

  /** The newest counter opened with each key, for the worker that may come after this one. */
  opened(): OpenedCounter[] {
    const all: OpenedCounter[] = [];
    for (const [kid, { epoch, window }] of this.#opening) {
      if (window.newest >= 0n) {
        all.push({ epoch, kid, newest: window.newest });
      }
    }
    return all;
  }

  #begin(message: Extract<KeyMessage, { kind: "epoch" }>): boolean {
    if (message.epoch <= this.#epoch) {
      // The same keys again would begin the replay windows anew.
      return false;
    }
    this.#epoch = message.epoch;
    this.#retire(this.#now() + message.previousForMs);
    this.#sealing.clear();
    for (const { context, kid, key, salt, lease } of message.send) {
      const renew = () => this.#toSession({ kind: "lease", epoch: message.epoch, kid });
      this.#sealing.set(context, { key: { kid, key, salt }, counter: new Counter(lease, renew) });
    }
    for (const { kid, key, salt, floor } of message.receive) {
      // A KID comes back after 16 epochs; the new key takes its place.
      this.#opening.set(kid, {
        key: { kid, key, salt },
        window: new ReplayWindow(floor),
        epoch: message.epoch,
        until: undefined,
      });
    }
    for (const wake of this.#waiting) {
      wake();
    }
    return message.joined;
  }

  /** Gives the keys held so far an end and forgets those that are past theirs. */
  #retire(until: number): void {
    for (const held of this.#opening.values()) {
      held.until ??= until;
    }
    this.expire();
  }

  #extend(message: Extract<KeyMessage, { kind: "lease" }>): void {
    for (const { key, counter } of this.#sealing.values()) {
      if (message.epoch === this.#epoch && key.kid === message.kid) {
        counter.extend(message.lease);
      }
    }
  }
}

function unreachable(_value: never): never {
  throw new Error("media worker: internal error: unreachable");
}
