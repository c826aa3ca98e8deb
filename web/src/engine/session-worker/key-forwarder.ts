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
 */
export class KeyForwarder {
  #port: MessagePort | undefined;
  #current: Epoch | undefined;
  #members: ReadonlySet<number> = new Set();
  /** Imports are finished in the order in which they began. */
  #turn: Promise<void> = Promise.resolve();
  // By epoch and KID: where the next lease begins, and what was opened.
  readonly #leased = new Map<string, { readonly epoch: number; readonly next: bigint }>();
  readonly #opened = new Map<string, { readonly epoch: number; readonly newest: bigint }>();

  /** Gives a new media worker the keys of the current epoch and a range of counters of its own. */
  attach(port: MessagePort): void {
    this.#port?.close();
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<KeyRequest>) => this.#handle(data);
    this.#post();
  }

  /** Forgets all keys: they were for a seat that is gone. */
  reset(): void {
    this.#turn = this.#turn.then(() => {
      this.#current = undefined;
      this.#members = new Set();
    });
  }

  /** Takes the keys of a new epoch, erases their bytes and hands them on. */
  begin(keys: OutKeys): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      const members = new Set(keys.receive.map(({ index }) => index));
      const [send, receive] = await Promise.all([
        Promise.all(keys.send.map((key) => imported(key, "encrypt"))),
        Promise.all(keys.receive.map((key) => imported(key, "decrypt"))),
      ]);
      const joined = [...members].some((index) => !this.#members.has(index));
      const { epoch, previousForMs } = keys;
      this.#members = members;
      this.#current = { epoch, send, receive, previousForMs, joined };
      this.#forgetBefore(epoch - rememberedEpochs);
      this.#post();
    });
    return this.#turn;
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
    const message: KeyMessage = { kind: "epoch", epoch, send, receive, previousForMs, joined };
    this.#port.postMessage(message);
  }

  #handle(request: KeyRequest): void {
    switch (request.kind) {
      case "lease": {
        const { epoch, kid } = request;
        const message: KeyMessage = { kind: "lease", epoch, kid, lease: this.#lease(epoch, kid) };
        this.#port?.postMessage(message);
        return;
      }
      case "opened":
        for (const { epoch, kid, newest } of request.newest) {
          this.#opened.set(name(epoch, kid), { epoch, newest });
        }
        return;
      default:
        unreachable(request);
    }
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

function unreachable(_value: never): never {
  throw new Error("session worker: internal error: unreachable");
}
