import type { CallState } from "../types.ts";

type Alarm = CallState["alarms"][number];

/** The same attack again is not news for so long. */
const quietMs = 60_000;
const maxAlarms = 50;

/** Attacks that were refused, as they are shown. */
export class Alarms {
  #all: readonly Alarm[] = [];

  get all(): readonly Alarm[] {
    return this.#all;
  }

  /** Adds an alarm; false if the same was raised a moment ago. */
  raise(id: Alarm["id"], name: string | undefined, at: number): boolean {
    if (this.#all.some((alarm) => alarm.id === id && alarm.name === name && at - alarm.at < quietMs)) {
      return false;
    }
    this.#all = [...this.#all, { id, name, at }].slice(-maxAlarms);
    return true;
  }
}
