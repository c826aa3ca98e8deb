import type { AccountClient, CheckState, Phase } from "../../../account/types.ts";
import { toAccountError } from "../../../account/account-error.ts";
import { faultText } from "../faults.ts";

/** Whether a comparison has come to an end. */
export function isOver(phase: Phase): boolean {
  return phase === "done" || phase === "differ" || phase === "cancelled" || phase === "expired";
}

type Calls = Pick<AccountClient, "checkWait" | "checkMatch" | "checkDiffer" | "checkCancel">;

/** One comparison as a page shows it: follows its state until it ends or the page goes. */
export class CheckView {
  state = $state.raw<CheckState | undefined>();
  fault = $state("");
  busy = $state(false);
  readonly #calls: Calls;
  /** Counts up with every comparison; answers of an earlier one are dropped. */
  #run = 0;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Begins a comparison and follows it. */
  async begin(start: () => Promise<CheckState>): Promise<void> {
    const run = ++this.#run;
    this.fault = "";
    this.state = undefined;
    this.busy = true;
    try {
      const state = await start();
      if (run === this.#run) await this.#follow(state, run);
    } catch (error) {
      if (run === this.#run) this.fault = faultText(error);
    } finally {
      if (run === this.#run) this.busy = false;
    }
  }

  match(): Promise<void> {
    return this.#answer("checkMatch");
  }

  differ(): Promise<void> {
    return this.#answer("checkDiffer");
  }

  /** Stops following, and ends what nobody has answered yet. */
  stop(): void {
    this.#run++;
    const { state } = this;
    if (state && !isOver(state.phase)) void this.#calls.checkCancel(state.id).catch(() => null);
  }

  async #follow(first: CheckState, run: number): Promise<void> {
    this.state = first;
    this.busy = false;
    for (let state = first; !isOver(state.phase); ) {
      state = await this.#calls.checkWait(state.id);
      if (run !== this.#run) return;
      // An answer given here in the meantime is further than what was waited for.
      if (!(this.state?.phase === "matched" && state.phase === "compare")) this.state = state;
    }
  }

  async #answer(by: "checkMatch" | "checkDiffer"): Promise<void> {
    const { state } = this;
    if (!state || isOver(state.phase)) return;
    const run = this.#run;
    this.busy = true;
    try {
      const next = await this.#calls[by](state.id);
      if (run === this.#run && !(this.state && isOver(this.state.phase))) this.state = next;
    } catch (error) {
      // Symbols that differ are an alarm too, and that is what is shown.
      if (by === "checkDiffer") this.state = { ...state, phase: "differ" };
      else this.fault = faultText(toAccountError(error));
    } finally {
      this.busy = false;
    }
  }
}
