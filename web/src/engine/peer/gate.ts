/**
 * The run-time gate of one sender. It compares what the worker handed on with
 * what left the sender: more leaving than was handed on means that something
 * goes past the worker, in clear.
 *
 *     closed --(enough left, all of it through the worker)--> open
 *        \                                                     /
 *         `--------(more left than the worker handed on)------'--> breached
 *
 * It starts closed, with a dummy track on the sender. It never leaves
 * breached.
 */
export type GateState = "closed" | "open" | "breached";

/** One comparison. The worker is asked after the sender, so `passed` may be ahead but never behind. */
export interface GateSample {
  /** What left the sender: frames of pictures, bytes of sound. */
  readonly sent: number;
  /** The same of what the worker handed on. */
  readonly passed: number;
}

/** What must have left through the worker before the real track may follow. */
export const enough = { frames: 3, bytes: 200 } as const;

export class Gate {
  readonly #enough: number;
  readonly #slack: number;
  #state: GateState = "closed";

  /** For pictures, which are counted in frames, or for sound, which is counted in bytes. */
  constructor(unit: keyof typeof enough) {
    this.#enough = enough[unit];
    // One frame may be in flight. Sound is counted in bytes, where the order
    // of the two questions leaves none.
    this.#slack = unit === "frames" ? 1 : 0;
  }

  get state(): GateState {
    return this.#state;
  }

  /** Takes a comparison and returns the state after it. */
  check({ sent, passed }: GateSample): GateState {
    if (sent > passed + this.#slack) {
      this.#state = "breached";
    } else if (this.#state === "closed" && sent >= this.#enough && passed >= this.#enough) {
      this.#state = "open";
    }
    return this.#state;
  }
}

/** The entries of an RTCStatsReport that say what a sender sent. */
interface OutboundStats {
  readonly type: string;
  readonly kind?: string;
  readonly framesSent?: number;
  readonly bytesSent?: number;
  readonly retransmittedBytesSent?: number;
}

/** Sums what left a sender over all its encodings: frames of pictures, payload bytes of sound. */
export function sentBy(report: Iterable<unknown>, unit: keyof typeof enough): number {
  let sum = 0;
  for (const entry of report as Iterable<OutboundStats>) {
    if (entry.type === "outbound-rtp") {
      // Sound has no count of frames. Its payload is exactly what the worker
      // handed on, and what is sent again is counted apart.
      sum +=
        unit === "frames"
          ? (entry.framesSent ?? 0)
          : Math.max(0, (entry.bytesSent ?? 0) - (entry.retransmittedBytesSent ?? 0));
    }
  }
  return sum;
}

/** The entries of an RTCStatsReport that say what a receiver decoded. */
interface InboundStats {
  readonly type: string;
  readonly kind?: string;
  readonly mid?: string;
  readonly framesDecoded?: number;
}

/**
 * The pictures that were decoded, by m-line, or all under undefined where the
 * browser does not name the m-line. Never more than the worker has opened.
 */
export function decodedBy(report: Iterable<unknown>): ReadonlyMap<string | undefined, number> {
  const decoded = new Map<string | undefined, number>();
  for (const { type, kind, mid, framesDecoded = 0 } of report as Iterable<InboundStats>) {
    if (type === "inbound-rtp" && kind === "video") {
      decoded.set(mid, (decoded.get(mid) ?? 0) + framesDecoded);
    }
  }
  return decoded;
}
