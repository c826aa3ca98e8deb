import type {
  Connection,
  Conversation,
  Found,
  Member,
  Message,
  MessageNews,
  MessagesClient,
} from "../../messages/types.ts";
import { merge } from "./rows.ts";

const page = 50; // messages read at a time
const mostAgain = 400; // messages read again at most when something changed
const typingFor = 6000; // ms a person counts as typing after the last word of it
const pause = 3000; // ms after news could not be heard

/** The messenger as the page sees it: the list, one conversation, and what changes in them. */
export class Messenger {
  list = $state.raw<readonly Conversation[]>([]);
  connection = $state.raw<Connection>("connecting");
  /** Id of the open conversation; empty: none. */
  open = $state.raw("");
  messages = $state.raw<readonly Message[]>([]);
  more = $state.raw(false);
  members = $state.raw<readonly Member[]>([]);
  /** Up to where the open conversation was read when it was opened. */
  readTo = $state.raw<number | undefined>();
  /** Who is typing, by conversation. */
  typing = $state.raw<ReadonlyMap<string, readonly string[]>>(new Map());
  ready = $state.raw(false);

  readonly do: MessagesClient;
  #running = true;
  #opened = 0;
  readonly #typists = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(client: MessagesClient) {
    this.do = client;
    this.connection = client.connection();
  }

  async start(): Promise<void> {
    await this.reload();
    this.ready = true;
    void this.#listen();
  }

  close(): void {
    this.#running = false;
    for (const timer of this.#typists.values()) clearTimeout(timer);
    this.do.dispose();
  }

  get conversation(): Conversation | undefined {
    return this.list.find((c) => c.id === this.open);
  }

  async reload(): Promise<void> {
    this.list = await this.do.conversations();
  }

  /** Shows a conversation from its newest message. */
  async show(id: string): Promise<void> {
    const run = ++this.#opened;
    this.open = id;
    [this.messages, this.members, this.more] = [[], [], false];
    if (id === "") return;
    const [first, members] = await Promise.all([this.do.messages(id, "", page), this.do.members(id)]);
    if (run !== this.#opened) return;
    const shown = this.conversation;
    this.readTo = (shown?.unread ?? 0) > 0 ? (shown?.read_to ?? 0) : undefined;
    [this.messages, this.more, this.members] = [first.messages, first.more, members];
    await this.#seen();
  }

  /** Reads the page before the oldest message that is shown. */
  async older(): Promise<void> {
    const [first] = this.messages;
    if (!first || !this.more) return;
    const run = this.#opened;
    const before = await this.do.messages(this.open, first.id, page);
    if (run !== this.#opened || this.messages[0]?.id !== first.id) return;
    this.messages = [...before.messages, ...this.messages];
    this.more = before.more;
  }

  /** Reads what is shown of the open conversation again. */
  async again(): Promise<void> {
    if (this.open === "") return;
    const run = this.#opened;
    const limit = Math.min(mostAgain, Math.max(page, this.messages.length + 1));
    const fresh = await this.do.messages(this.open, "", limit);
    if (run !== this.#opened) return;
    const kept = merge(this.messages, fresh.messages, fresh.more);
    this.more = kept.length > fresh.messages.length ? this.more : fresh.more;
    this.messages = kept;
    await this.#seen();
  }

  async reloadMembers(): Promise<void> {
    const run = this.#opened;
    const members = await this.do.members(this.open);
    if (run === this.#opened) this.members = members;
  }

  async send(text: string, replyTo: string): Promise<void> {
    this.readTo = undefined;
    await this.do.send(this.open, text, replyTo);
    await this.#both();
  }

  /** Keeps what is typed but not sent. A draft that could not be kept is no fault to speak of. */
  async keepDraft(id: string, draft: string): Promise<void> {
    await this.do.set(id, { draft }).then(
      () => this.reload(),
      () => undefined,
    );
  }

  /** Does something to the open conversation and shows what came of it. */
  async change(work: (client: MessagesClient, id: string) => Promise<unknown>): Promise<void> {
    await work(this.do, this.open);
    await Promise.all([this.#both(), this.reloadMembers()]);
  }

  search(words: string): Promise<readonly Found[]> {
    return this.do.search("", words, 50);
  }

  /** Says that all shown is read, if somebody looks. */
  async #seen(): Promise<void> {
    const seq = Math.max(0, ...this.messages.map((m) => m.seq ?? 0));
    const shown = this.conversation;
    if (!shown || (shown.unread ?? 0) === 0 || document.visibilityState !== "visible") return;
    await this.do.read(shown.id, seq);
    await this.reload();
  }

  async #both(): Promise<void> {
    await this.reload();
    await this.again();
  }

  async #listen(): Promise<void> {
    while (this.#running) {
      try {
        const news = await this.do.next();
        if (this.#running && news.length > 0) await this.#heard(news);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async #heard(news: readonly MessageNews[]): Promise<void> {
    for (const one of news) {
      if (one.kind === "typing") this.#types(one.conversation ?? "", one.name ?? "");
      if (one.kind === "state" && one.state !== undefined) this.connection = one.state;
    }
    const changed = news.filter((one) => one.kind === "message" || one.kind === "conversation");
    if (changed.length === 0) return;
    await this.reload();
    if (!changed.some((one) => one.conversation === this.open)) return;
    await Promise.all([this.again(), this.reloadMembers()]);
  }

  #types(conversation: string, name: string): void {
    const key = `${conversation} ${name}`;
    clearTimeout(this.#typists.get(key));
    const others = (this.typing.get(conversation) ?? []).filter((n) => n !== name);
    this.typing = new Map(this.typing).set(conversation, [...others, name]);
    const stop = (): void => {
      this.#typists.delete(key);
      const left = (this.typing.get(conversation) ?? []).filter((n) => n !== name);
      this.typing = new Map(this.typing).set(conversation, left);
    };
    this.#typists.set(key, setTimeout(stop, typingFor));
  }
}
