/** Ordinary speech is above this level, a quiet room below. */
const threshold = 0.06;
// So long must someone be above or below it until that is shown.
const onMs = 150;
const offMs = 400;

interface Voice {
  speaking: boolean;
  /** Since when the level says the other thing; undefined while it agrees. */
  since: number | undefined;
}

/** Tells who is speaking from how loud they are, without flicker. */
export class Speaking<Id> {
  readonly #voices = new Map<Id, Voice>();

  /** Takes the level of now and reports whether id is speaking. */
  update(id: Id, level: number, now: number): boolean {
    const voice = this.#voices.get(id) ?? { speaking: false, since: undefined };
    this.#voices.set(id, voice);
    if (level > threshold === voice.speaking) {
      voice.since = undefined;
      return voice.speaking;
    }
    voice.since ??= now;
    if (now - voice.since >= (voice.speaking ? offMs : onMs)) {
      voice.speaking = !voice.speaking;
      voice.since = undefined;
    }
    return voice.speaking;
  }

  /** Reports what update said last. */
  isSpeaking(id: Id): boolean {
    return this.#voices.get(id)?.speaking ?? false;
  }

  /** Forgets all but these. */
  keep(ids: ReadonlySet<Id>): void {
    for (const id of this.#voices.keys()) {
      if (!ids.has(id)) {
        this.#voices.delete(id);
      }
    }
  }
}
