import type { WordId } from "../../words/words.svelte.ts";
import type { IconName } from "../kit/icons.ts";

const shownFor = 6000; // ms; with an action until closed
const most = 8; // waiting; older ones are worth nothing by then

export interface Toast {
  /** One of a kind is shown once. */
  readonly id: string;
  readonly icon: IconName;
  readonly word: WordId;
  readonly slots?: Readonly<Record<string, string | number>>;
  readonly keys?: readonly string[];
  readonly action?: { readonly word: WordId; readonly do: () => void };
}

/** Short notices at the top of the stage, one at a time; never the only place of a fact. */
export class Toasts {
  shown: Toast | undefined = $state.raw();

  #waiting: Toast[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(toast: Toast): void {
    if (this.shown === undefined || this.shown.id === toast.id) {
      this.#open(toast);
      return;
    }
    this.#waiting = [...this.#waiting.filter((other) => other.id !== toast.id), toast].slice(-most);
  }

  /** Closes the toast of an id, or the one that is shown. */
  close(id = this.shown?.id): boolean {
    this.#waiting = this.#waiting.filter((toast) => toast.id !== id);
    if (this.shown === undefined || this.shown.id !== id) return false;
    clearTimeout(this.#timer);
    this.shown = undefined;
    const next = this.#waiting.shift();
    if (next) this.#open(next);
    return true;
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  #open(toast: Toast): void {
    clearTimeout(this.#timer);
    this.shown = toast;
    if (toast.action === undefined) this.#timer = setTimeout(() => this.close(toast.id), shownFor);
  }
}
