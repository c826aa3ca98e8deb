import type { OutKeys } from "../bridge.d.ts";
import type { KeyForwarder } from "./key-forwarder.ts";

/**
 * Decides which port the media keys go to: one in each stay, and another only
 * when the page has said that the media worker behind the last one is gone.
 *
 *     ended --reset--> free --attach--> taken --gone--> free
 *       ^________________|________________|
 *                     end
 *
 * What this stops: a second port beside that of the running media worker,
 * which would have the keys unnoticed; a port that was meant for an earlier
 * stay; and any port before the first seat and after the last.
 *
 * What it does not stop: a script that runs in the page. The page starts the
 * media worker and makes the port, so such a script can hand in a port of its
 * own first, or say `media-gone` and then do so. It gets keys that it cannot
 * read out but can use, and the real media worker loses its keys, so that the
 * call goes silent. Only the page's content security policy keeps scripts out.
 */
export class Handover {
  readonly #keys: Pick<KeyForwarder, "attach" | "detach" | "drop" | "reset" | "begin">;
  #stay = 0;
  #state: "ended" | "free" | "taken" = "ended";

  constructor(keys: Pick<KeyForwarder, "attach" | "detach" | "drop" | "reset" | "begin">) {
    this.#keys = keys;
  }

  /** A new stay begins, with nothing of the last. */
  reset(): void {
    this.#stay++;
    this.#state = "free";
    this.#keys.reset();
  }

  /** The stay is over, and so are its keys. */
  end(): void {
    this.#state = "ended";
    this.#keys.reset();
  }

  /** The keys are worth nothing any more; the media worker stays for the next ones. */
  drop(): void {
    this.#keys.drop();
  }

  begin(keys: OutKeys): Promise<void> {
    return this.#keys.begin(keys);
  }

  /** Takes the port of the media worker of a stay, counted from 1. Any port too many is closed. */
  attach(stay: number, port: MessagePort): void {
    if (this.#state !== "free" || stay !== this.#stay) {
      port.close();
      return;
    }
    this.#state = "taken";
    this.#keys.attach(port);
  }

  /** The page says that the media worker of a stay is gone. */
  gone(stay: number): void {
    if (this.#state === "taken" && stay === this.#stay) {
      this.#state = "free";
      this.#keys.detach();
    }
  }
}
