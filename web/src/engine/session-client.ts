import { EngineError } from "./engine-error.ts";
import type { FromSession, Link, ToSession } from "./session-worker/messages.ts";
import sessionWorker from "./session-worker/worker.ts?worker&url";
import { startWorker } from "./trusted.ts";

/** What the session worker says without being asked. */
export type SessionNews = Extract<FromSession, { kind: "output" | "epoch" | "refused" | "broken" }>;

/** The page's end of the session worker. */
export class SessionClient {
  readonly #worker = startWorker(sessionWorker, "conclave-session");
  readonly #links = new Map<number, (message: Extract<FromSession, { kind: "link" }>) => void>();
  #requests = 0;
  #keysBroken: (() => void) | undefined;
  #stay = 0;
  #listener: ((news: SessionNews) => void) | undefined;
  #started: Promise<void>;

  private constructor() {
    this.#started = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<FromSession>) => {
        if (data.kind === "ready") {
          resolve();
        } else if (data.kind === "broken") {
          reject(new EngineError("unknown", `session worker: ${data.message}`));
        }
        this.#handle(data);
      };
      this.#worker.onerror = () => {
        const message = "did not start";
        reject(new EngineError("unknown", `session worker: ${message}`));
        this.#listener?.({ kind: "broken", message });
      };
    });
  }

  /** Starts the worker and waits until the Go side runs. Rejects with an EngineError. */
  static async start(): Promise<SessionClient> {
    const client = new SessionClient();
    try {
      await client.#started;
      return client;
    } catch (error) {
      client.dispose();
      throw error;
    }
  }

  /** Hears everything from now on; one listener at a time. */
  listen(listener: (news: SessionNews) => void): void {
    this.#listener = listener;
  }

  /** Hears that no more keys come on this stay; one listener at a time. */
  listenForBrokenKeys(listener: (() => void) | undefined): void {
    this.#keysBroken = listener;
  }

  /** The number of the present stay; it counts up with every new seat. */
  get stay(): number {
    return this.#stay;
  }

  post(message: ToSession, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Makes a new invite link below base. */
  newLink(base: string): Promise<Link> {
    return this.#link((request) => ({ kind: "new-link", request, base }));
  }

  /** Checks an invite link. Rejects with an EngineError `link-wrong`. */
  parseLink(url: string): Promise<Link> {
    return this.#link((request) => ({ kind: "parse-link", request, url }));
  }

  dispose(): void {
    this.#listener = undefined;
    this.#keysBroken = undefined;
    this.#worker.terminate();
  }

  #link(ask: (request: number) => ToSession): Promise<Link> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#links.set(request, ({ link }) => {
        if ("code" in link) {
          reject(new EngineError(link.code === "link-wrong" ? "link-wrong" : "unknown", link.message));
        } else {
          resolve(link);
        }
      });
      this.post(ask(request));
    });
  }

  #handle(message: FromSession): void {
    switch (message.kind) {
      case "ready":
        return;
      case "link":
        this.#links.get(message.request)?.(message);
        this.#links.delete(message.request);
        return;
      case "keys-broken":
        this.#keysBroken?.();
        return;
      default:
        if (message.kind === "output" && message.output.kind === "joined" && !message.output.resumed) {
          this.#stay++;
        }
        this.#listener?.(message);
    }
  }
}
