import type { CallState } from "../types.ts";

/** Pages that are not drawn get their news this late at most. */
const hiddenMs = 250;

/** Runs a function with the next animation frame, or soon if there is none. */
export type Schedule = (run: () => void) => void;

/**
 * Holds the state of a call and tells listeners of changes, at most once an
 * animation frame.
 */
export class Store {
  readonly #listeners = new Set<(state: CallState) => void>();
  readonly #schedule: Schedule;
  #state: CallState;
  #scheduled = false;

  constructor(initial: CallState, schedule: Schedule = nextFrame) {
    this.#state = initial;
    this.#schedule = schedule;
  }

  get state(): CallState {
    return this.#state;
  }

  /** Replaces what is named; nothing is told when nothing differs. */
  set(change: Partial<CallState>): void {
    const keys = Object.keys(change) as (keyof CallState)[];
    if (keys.every((key) => Object.is(this.#state[key], change[key]))) {
      return;
    }
    this.#state = { ...this.#state, ...change };
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#schedule(() => {
        this.#scheduled = false;
        for (const listener of this.#listeners) {
          listener(this.#state);
        }
      });
    }
  }

  /** Calls listener at once and then on changes, until the returned function is called. */
  subscribe(listener: (state: CallState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }
}

function nextFrame(run: () => void): void {
  let done = false;
  const once = (): void => {
    if (!done) {
      done = true;
      run();
    }
  };
  requestAnimationFrame(once);
  setTimeout(once, hiddenMs);
}
