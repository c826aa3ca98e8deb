import { EngineError } from "./engine-error.ts";
import type {
  Expectation,
  FromMedia,
  SlotCounts,
  SlotId,
  SlotOptions,
  ToMedia,
} from "./media-worker/messages.ts";
import mediaWorker from "./media-worker/worker.ts?worker&url";
import { startWorker } from "./trusted.ts";

/** A worker that leaves a question unanswered for so long does not run any more. */
const answerWithinMs = 5000;

/** The figures of all slots at one moment. */
export type AllCounts = ReadonlyMap<SlotId, SlotCounts>;

/** What the media worker tells of itself. */
export interface MediaEvents {
  /** Twice a second. */
  counts(counts: AllCounts): void;
  /** The first frame under an assignment has opened. */
  first(slot: SlotId, assignment: number, rtpTimestamp: number | undefined): void;
  /** It has crashed: nothing is sealed or opened any more, and nothing passes. */
  crashed(): void;
}

/** The page's end of the media worker. */
export class MediaClient {
  readonly #worker = startWorker(mediaWorker, "conclave-media");
  readonly #events: MediaEvents;
  readonly #questions = new Map<number, (counts: AllCounts) => void>();
  #requests = 0;
  #disposed = false;

  private constructor(events: MediaEvents, ready: () => void, failed: (error: EngineError) => void) {
    this.#events = events;
    this.#worker.onmessage = ({ data }: MessageEvent<FromMedia>) => {
      if (data.kind === "ready") {
        ready();
      } else if (!this.#disposed) {
        this.#handle(data);
      }
    };
    this.#worker.onerror = () => {
      failed(new EngineError("unknown", "media worker: did not start"));
      this.#crash();
    };
  }

  /**
   * Starts the worker and waits until it takes transforms. The keys come
   * through the returned port, which is for the session worker.
   */
  static async start(
    events: MediaEvents,
  ): Promise<{ readonly media: MediaClient; readonly keys: MessagePort }> {
    const media = await new Promise<MediaClient>((resolve, reject) => {
      const client: MediaClient = new MediaClient(events, () => resolve(client), reject);
    });
    const { port1, port2 } = new MessageChannel();
    media.#post({ kind: "keys-from", port: port2 }, [port2]);
    return { media, keys: port1 };
  }

  /** Makes a transform that runs in the worker. Set it in the task that makes the sender or receiver. */
  transform(options: SlotOptions): RTCRtpScriptTransform {
    return new RTCRtpScriptTransform(this.#worker, options);
  }

  expect(slot: SlotId, expectation: Expectation): void {
    this.#post({ kind: "expect", slot, expectation });
  }

  idle(slot: SlotId): void {
    this.#post({ kind: "idle", slot });
  }

  /** Counts that are not older than this call. Never resolves once the worker has crashed. */
  counts(): Promise<AllCounts> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#crash(), answerWithinMs);
      this.#questions.set(request, (counts) => {
        clearTimeout(timer);
        resolve(counts);
      });
      this.#post({ kind: "count", request });
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.#worker.terminate();
  }

  #handle(message: Exclude<FromMedia, { kind: "ready" }>): void {
    switch (message.kind) {
      case "first":
        this.#events.first(message.slot, message.assignment, message.rtpTimestamp);
        return;
      case "counts": {
        const counts = new Map(message.slots.map((slot) => [slot.slot, slot]));
        if (message.request === undefined) {
          this.#events.counts(counts);
        } else {
          this.#questions.get(message.request)?.(counts);
          this.#questions.delete(message.request);
        }
        return;
      }
      default:
        message satisfies never;
    }
  }

  #crash(): void {
    if (!this.#disposed) {
      this.dispose();
      this.#events.crashed();
    }
  }

  #post(message: ToMedia, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
