/**
 * A bounded first-in first-out queue between the task that reads frames and
 * the one that opens them, in order. When it is full the oldest frame goes.
 */
export class FrameQueue<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds an item; true if the oldest one had to go for it. */
  push(item: T): boolean {
    this.#items.push(item);
    const full = this.#items.length > this.#limit;
    if (full) {
      this.#items.shift();
    }
    this.#signal();
    return full;
  }

  /** Ends the queue once it is empty. */
  close(): void {
    this.#closed = true;
    this.#signal();
  }

  /** The oldest item, waiting for one if need be; undefined at the end. One caller at a time. */
  async take(): Promise<T | undefined> {
    while (this.#items.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#items.shift();
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
