import { listNames, t } from "../words/words.svelte.ts";

const gatherPeople = 3000; // ms
const gatherChat = 2000; // ms
const keepFor = 10_000; // ms a sentence stays in the page for a screen reader to come to it

export interface Sentence {
  readonly id: number;
  readonly text: string;
}

/**
 * What a screen reader is told. Joins and leaves are gathered over 3 s, chat
 * over 2 s; everything else is said at once. Nothing here is the only place of
 * a fact.
 */
export class Announcer {
  polite = $state.raw<readonly Sentence[]>([]);
  assertive = $state.raw<readonly Sentence[]>([]);

  #next = 0;
  #joined: string[] = [];
  #left: string[] = [];
  #people = 0;
  #peopleTimer: ReturnType<typeof setTimeout> | undefined;
  #chat: { name: string; text: string }[] = [];
  #chatTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  say(text: string): void {
    this.polite = [...this.polite, this.#sentence(text)];
  }

  /** For what cannot wait: connection lost and back, not protected, removed. */
  interrupt(text: string): void {
    this.assertive = [...this.assertive, this.#sentence(text)];
  }

  /** Somebody came or went; people is how many are there now. */
  people(joined: readonly string[], left: readonly string[], people: number): void {
    if (joined.length === 0 && left.length === 0) return;
    this.#joined.push(...joined);
    this.#left.push(...left);
    this.#people = people;
    this.#peopleTimer ??= setTimeout(() => this.#sayPeople(), gatherPeople);
  }

  chat(name: string, text: string): void {
    if (this.#chatTimer === undefined) {
      this.say(t("say.chat", { name, text }));
      this.#chatTimer = setTimeout(() => this.#sayChat(), gatherChat);
    } else {
      this.#chat.push({ name, text });
    }
  }

  dispose(): void {
    clearTimeout(this.#peopleTimer);
    clearTimeout(this.#chatTimer);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #sayPeople(): void {
    this.#peopleTimer = undefined;
    // Somebody who came and went within the time is in neither list.
    const joined = this.#joined.filter((name) => !this.#left.includes(name));
    const left = this.#left.filter((name) => !this.#joined.includes(name));
    [this.#joined, this.#left] = [[], []];
    const count = this.#people;
    if (joined.length > 0 && left.length > 0)
      this.say(t("say.both", { joined: listNames(joined), left: listNames(left), count }));
    else if (joined.length > 0) this.say(t("say.joined", { names: listNames(joined), count }));
    else if (left.length > 0) this.say(t("say.left", { names: listNames(left), count }));
  }

  #sayChat(): void {
    this.#chatTimer = undefined;
    const waiting = this.#chat;
    this.#chat = [];
    const [only] = waiting;
    if (!only) return;
    this.say(waiting.length === 1 ? t("say.chat", only) : t("say.chat.many", { count: waiting.length }));
    this.#chatTimer = setTimeout(() => this.#sayChat(), gatherChat);
  }

  #sentence(text: string): Sentence {
    const id = this.#next++;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.polite = this.polite.filter((s) => s.id !== id);
      this.assertive = this.assertive.filter((s) => s.id !== id);
    }, keepFor);
    this.#timers.add(timer);
    return { id, text };
  }
}
