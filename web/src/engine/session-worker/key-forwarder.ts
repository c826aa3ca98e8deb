import type { OutKeys, OutSendKey } from "../bridge.d.ts";
import type { KeyMessage, KeyRequest, Lease, ReceiveKey, SendKey } from "../media-worker/messages.ts";

/** Counters in one lease: an hour of nine layers at 30 pictures a second. */
const leaseSize = 1n << 20n;

/** Epochs whose counters are remembered; a KID comes back after 16. */
const rememberedEpochs = 32;

type Imported = Pick<SendKey, "context" | "kid" | "key" | "salt">;

interface Epoch {
  readonly epoch: number;
  readonly send: readonly Imported[];
  readonly receive: readonly Imported[];
  readonly previousForMs: number;
  readonly joined: boolean;
}

/**
 * Hands the media keys of each epoch to the media worker, as keys that cannot
 * be read out, and sees to it that no counter is given twice: this worker
 * outlives the media worker.
 *
 * It fails closed: when an epoch cannot be handed on, the media worker loses
 * all its keys, rather than going on with those of the epoch before, and
 * nothing is handed out until `reset`.
 */
export class KeyForwarder {
  readonly #failed: () => void;
  #port: MessagePort | undefined;
  #current: Epoch | undefined;
  #members: ReadonlySet<number> = new Set();
  /** Imports are finished in the order in which they began. No step of it rejects. */
  #turn: Promise<void> = Promise.resolve();
  /** Counts up whenever the keys are dropped: what was being imported then is worth nothing. */
  #generation = 0;
  #broken = false;
  /** Drops that the media worker has not confirmed. Until it has, it speaks of keys that are gone. */
  #unconfirmed = 0;
  // By epoch and KID: where the next lease begins, and what was opened.
  readonly #leased = new Map<string, { readonly epoch: number; readonly next: bigint }>();
  readonly #opened = new Map<string, { readonly epoch: number; readonly newest: bigint }>();

  /** Calls failed once when keys could not be handed on; the keys are dropped already. */
  constructor(failed: () => void) {
    this.#failed = failed;
  }

  /** Gives a new media worker the keys of the current epoch and a range of counters of its own. */
  attach(port: MessagePort): void {
    this.detach();
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<KeyRequest>) => {
      // What an earlier media worker still has to say concerns nobody any more.
      if (this.#port === port) {
        this.#handle(data);
      }
    };
    this.#post();
  }

  /** Lets the media worker go; the keys stay for one that is started in its place. */
  detach(): void {
    this.#tellDrop();
    this.#port?.close();
    this.#port = undefined;
    this.#unconfirmed = 0;
  }

  /**
   * Drops all keys, here and in the media worker, which may get others later.
   * What was opened is forgotten with them: another group's keys may have the
   * same epoch and KID. Leases are not: a counter given twice would be worse
   * than one never used.
   */
  drop(): void {
    this.#generation++;
    this.#current = undefined;
    this.#members = new Set();
    this.#opened.clear();
    this.#tellDrop();
  }

  /** Drops all keys and lets the media worker go: both were for a seat that is gone. */
  reset(): void {
    this.drop();
    this.detach();
    this.#broken = false;
  }

  /** Takes the keys of a new epoch, erases their bytes and hands them on. Never rejects. */
  begin(keys: OutKeys): Promise<void> {
    const generation = this.#generation;
    this.#turn = this.#turn.then(() => this.#begin(keys, generation));
    return this.#turn;
  }

  async #begin(keys: OutKeys, generation: number): Promise<void> {
    if (this.#broken || generation !== this.#generation) {
      erase(keys);
      return;
    }
    try {
      const [send, receive] = await Promise.all([
        Promise.all(keys.send.map((key) => imported(key, "encrypt"))),
        Promise.all(keys.receive.map((key) => imported(key, "decrypt"))),
      ]);
      if (generation === this.#generation) {
        this.#take(keys, send, receive);
      }
    } catch {
      if (generation === this.#generation) {
        this.#fail();
      }
    }
  }

  #take({ epoch, previousForMs, receive: of }: OutKeys, send: Imported[], receive: Imported[]): void {
    const members = new Set(of.map(({ index }) => index));
    const joined = [...members].some((index) => !this.#members.has(index));
    this.#members = members;
    this.#current = { epoch, send, receive, previousForMs, joined };
    this.#forgetBefore(epoch - rememberedEpochs);
    this.#post();
  }

  #post(): void {
    if (this.#current === undefined || this.#port === undefined) {
      return;
    }
    const { epoch, previousForMs, joined } = this.#current;
    const send = this.#current.send.map((key): SendKey => ({ ...key, lease: this.#lease(epoch, key.kid) }));
    const receive = this.#current.receive.map(({ kid, key, salt }): ReceiveKey => ({
      kid,
      key,
      salt,
      floor: this.#floor(epoch, kid),
    }));
    this.#tell({ kind: "epoch", epoch, send, receive, previousForMs, joined });
  }

  #handle(request: KeyRequest): void {
    if (request.kind === "dropped") {
      this.#unconfirmed--;
      return;
    }
    if (this.#unconfirmed > 0) {
      return;
    }
    switch (request.kind) {
      case "lease": {
        const { epoch, kid } = request;
        this.#tell({ kind: "lease", epoch, kid, lease: this.#lease(epoch, kid) });
        return;
      }
      case "opened":
        for (const { epoch, kid, newest } of request.newest) {
          this.#opened.set(name(epoch, kid), { epoch, newest });
        }
        return;
      case "unreadable":
        this.#fail();
        return;
      default:
        unreachable(request);
    }
  }

  #tell(message: KeyMessage): void {
    try {
      this.#port?.postMessage(message);
    } catch {
      this.#fail();
    }
  }

  #tellDrop(): void {
    if (this.#port === undefined) {
      return;
    }
    const message: KeyMessage = { kind: "drop" };
    try {
      this.#port.postMessage(message);
      this.#unconfirmed++;
    } catch {
      // Nothing reaches it. The page ends it when it hears that this has failed.
    }
  }

  #fail(): void {
    if (this.#broken) {
      return;
    }
    this.#broken = true;
    this.drop();
    // Later: whoever hands in keys is not called back meanwhile.
    queueMicrotask(() => this.#failed());
  }

  /** A range of counters that was never given out before. */
  #lease(epoch: number, kid: bigint): Lease {
    const next = this.#leased.get(name(epoch, kid))?.next ?? 0n;
    const end = next + leaseSize;
    this.#leased.set(name(epoch, kid), { epoch, next: end });
    return { next, end };
  }

  #floor(epoch: number, kid: bigint): bigint {
    const opened = this.#opened.get(name(epoch, kid));
    return opened === undefined ? 0n : opened.newest + 1n;
  }

  #forgetBefore(epoch: number): void {
    for (const map of [this.#leased, this.#opened]) {
      for (const [key, entry] of map) {
        if (entry.epoch < epoch) {
          map.delete(key);
        }
      }
    }
  }
}

function name(epoch: number, kid: bigint): string {
  return `${epoch}/${kid}`;
}

/** Imports a key so that it cannot be read out again, and erases its bytes here. */
async function imported(key: OutSendKey, usage: "encrypt" | "decrypt"): Promise<Imported> {
  const { context, kid, salt } = key;
  try {
    return {
      context,
      kid,
      salt,
      key: await crypto.subtle.importKey("raw", key.key, "AES-GCM", false, [usage]),
    };
  } finally {
    key.key.fill(0);
  }
}

/** Erases keys that nobody will use. */
function erase({ send, receive }: OutKeys): void {
  for (const { key } of [...send, ...receive]) {
    key.fill(0);
  }
}

function unreachable(_value: never): never {
  throw new Error("session worker: internal error: unreachable");
}
