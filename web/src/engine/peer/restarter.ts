/** A connection that is disturbed for so long is given new paths. */
const patienceMs = 2000;
/** Until the next try. */
const retryMs = 5000;
/** After so many tries in vain the peer connection is made anew. */
const maxTries = 3;

/** What may be done about a broken connection. */
export interface RestartActions {
  /** Asks for new ICE credentials. */
  restart(): void;
  /** Makes the peer connection anew. */
  rebuild(): void;
}

/** Watches one peer connection and restarts ICE when it breaks. */
export class Restarter {
  readonly #pc: RTCPeerConnection;
  readonly #actions: RestartActions;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;

  constructor(pc: RTCPeerConnection, actions: RestartActions) {
    this.#pc = pc;
    this.#actions = actions;
    const { signal } = this.#ended;
    pc.addEventListener("connectionstatechange", () => this.#changed(), { signal });
  }

  /** Whether the connection stands, or has not been lost yet. */
  get well(): boolean {
    return this.#tries === 0 && this.#timer === undefined;
  }

  /** Tries at once, if the connection does not stand: the network has changed. */
  hurry(): void {
    if (this.#pc.connectionState === "disconnected" || this.#pc.connectionState === "failed") {
      this.#schedule(0);
    }
  }

  dispose(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  #changed(): void {
    switch (this.#pc.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#tries = 0;
        return;
      case "disconnected":
        this.#schedule(patienceMs);
        return;
      case "failed":
        this.#schedule(0);
        return;
      case "new":
      case "connecting":
      case "closed":
        return;
      default:
        this.#pc.connectionState satisfies never;
    }
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(), delayMs);
  }

  #try(): void {
    if (this.#tries === maxTries) {
      this.#actions.rebuild();
      return;
    }
    this.#tries++;
    this.#actions.restart();
    this.#schedule(retryMs);
  }
}
