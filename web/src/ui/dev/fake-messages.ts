/** A messenger without a server or keys, for looking at its pages and for tests: see fake-engine.ts. */
import type { Conversation, Member, Message, MessageNews, MessagesClient } from "../../messages/types.ts";

const now = Date.now();
const today = new Date(now).setHours(10, 42, 0, 0);
const at = (minutes: number): number => today - minutes * 60_000;
const id = (n: number): string => n.toString(16).padStart(32, "0");
const group = id(1);

const list: readonly Conversation[] = [
  { id: group, title: "Thursday planning", kind: "group", active: at(0), unread: 1, read_to: 4, disappearing: 28 * 86_400_000, last: { name: "Ada", own: true, kind: "file", text: "hall-plan.pdf", sent: at(0) } },
  { id: id(2), title: "Grace", kind: "direct", user: id(101), active: at(11), pinned: true, last: { name: "Ada", own: true, kind: "text", text: "See you at ten", state: "read", sent: at(11) } },
  { id: id(3), title: "Mei", kind: "direct", user: id(104), active: at(90), reset: true, last: { name: "Mei", kind: "text", text: "Hello", sent: at(90) } },
  { id: id(4), title: "Release crew", kind: "group", active: at(120), unread: 3, last: { name: "Kofi", kind: "text", text: "The **build** is green", sent: at(120) } },
  { id: id(5), title: "نور \u202Eevil", kind: "direct", active: at(1500), draft: "I will check the door", last: { name: "Noor", kind: "text", text: "hm", sent: at(1500) } },
  { id: id(6), title: "Kofi", kind: "direct", user: id(103), active: at(5000), muted: true, last: { name: "Kofi", kind: "file", text: "room-list.ods", sent: at(5000) } },
];

const grace = { from: "00000000000000000000000000000065", name: "Grace" };
const kofi = { from: "00000000000000000000000000000067", name: "Kofi" };
const noor = { from: "00000000000000000000000000000069", name: "Noor" };
const ada = { from: "00000000000000000000000000000063", name: "Ada", own: true };

const said: readonly Message[] = [
  { id: "a1", ...grace, kind: "notice", sent: at(50), notice: { kind: "device", by: "Grace", name: "Grace’s phone" } },
  { id: "a2", seq: 1, ...grace, kind: "text", sent: at(44), text: "Morning. The hall is ours from ten. Can somebody bring the **long** cable?" },
  { id: "a3", seq: 2, ...ada, kind: "text", sent: at(40), text: "I have it. Two spare microphones as well.", state: "read" },
  { id: "a4", seq: 3, ...kofi, kind: "file", sent: at(37), text: "The room list is in here, see https://hall.example/seats", reply: { id: "a2", name: "Grace", text: "The hall is ours from ten." }, file: { name: "room-list.ods", type: "application/ods", size: 84_000, state: "done" }, reactions: [{ emoji: "👍", count: 2, own: true }, { emoji: "❤️", count: 1 }] },
  { id: "a5", seq: 4, ...noor, kind: "notice", sent: at(30), notice: { kind: "gap", name: "Noor", count: 1 } },
  { id: "a6", seq: 5, ...noor, kind: "text", sent: at(2), text: "I can open the doors at half past nine." },
  { id: "a7", ...ada, kind: "file", sent: at(0), state: "sending", file: { name: "hall-plan.pdf", type: "application/pdf", size: 18_000_000, done: 12_400_000, state: "uploading" } },
];

const hostile: readonly Message[] = [
  { id: "b1", seq: 1, ...grace, name: "Gr\u202Eace\u2066 " + "x".repeat(80), kind: "text", sent: at(9), text: "<img src=x onerror=alert(1)> <script>alert(1)</script> [bank](https://evil.example/)" },
  { id: "b2", seq: 2, ...grace, kind: "text", sent: at(8), text: "w".repeat(16_384) },
  { id: "b3", seq: 3, ...kofi, kind: "text", sent: at(7), text: "```\nlet x = 1;\n```\n> quoted\n\nמה נשמע *hello* `code`" },
  { id: "b4", seq: 4, ...ada, kind: "text", sent: at(6), text: "lost", state: "failed" },
  { id: "b5", seq: 5, ...kofi, kind: "text", sent: at(5), deleted: at(4) },
  { id: "b6", seq: 6, ...kofi, kind: "file", sent: at(4), file: { name: "v.ogg", type: "audio/ogg", size: 90_000, length: 42_000, state: "offered" } },
  { id: "b7", seq: 7, ...kofi, kind: "file", sent: at(3), file: { name: "p.jpg", type: "image/jpeg", size: 90_000, state: "refused" } },
];

const people: readonly Member[] = [
  { user: ada.from, handle: "ada", name: "Ada", role: "owner", devices: 3, own: true },
  { user: grace.from, handle: "grace", name: "Grace", role: "admin", devices: 3 },
  { user: kofi.from, handle: "kofi", name: "Kofi", role: "member", devices: 1 },
  { user: noor.from, handle: "noor", name: "نور", role: "member", devices: 1 },
];

/** A messenger that answers at once. `scene` chooses what it holds; what is sent is there, and news of it come. */
export function fakeMessages(scene: string | null): MessagesClient {
  let conversations = scene === "msg-empty" ? [] : list;
  let messages = scene === "msg-hostile" ? hostile : said;
  let made = 100;
  let wake: (news: readonly MessageNews[]) => void = () => undefined;
  let first: readonly MessageNews[] = scene === "msg-typing" ? [{ kind: "typing", conversation: group, name: "Grace" }] : [];
  const change = (conversation: string, part: Partial<Conversation>): void => {
    conversations = conversations.map((c) => (c.id === conversation ? { ...c, ...part } : c));
  };
  const edit = async (message: string, part: Partial<Message>): Promise<void> => {
    messages = messages.map((m) => (m.id === message ? { ...m, ...part } : m));
  };
  const add = (part: Partial<Message>): void => {
    made++;
    messages = [...messages, { id: id(made), seq: made, ...ada, kind: "text", sent: Date.now(), state: "sent", ...part }];
  };
  return {
    connection: () => (scene === "msg-offline" ? "offline" : "online"),
    conversations: async () => conversations,
    messages: async (conversation, before, limit) => {
      if (conversation !== group && scene !== "msg-hostile") return { messages: [], more: false };
      const end = before === "" ? messages.length : messages.findIndex((m) => m.id === before);
      const from = Math.max(0, end - limit);
      return { messages: messages.slice(from, end), more: from > 0 };
    },
    search: async (_conversation, words) =>
      messages.filter((m) => m.text?.toLowerCase().includes(words) === true).map((message) => ({ conversation: group, message })),
    direct: async () => id(2),
    group: async (_name, handles) => ({ id: group, refused: handles.includes("nobody") ? [{ handle: "nobody", code: "not-found" }] : [] }),
    members: async (conversation) => {
      const other = list.find((c) => c.id === conversation && c.kind === "direct");
      if (!other) return people;
      return [...people.slice(0, 1), { user: other.user ?? "", handle: other.title.toLowerCase(), name: other.title, role: "member", devices: 2 }];
    },
    add: async (_conversation, handles) => (handles.includes("nobody") ? [{ handle: "nobody", code: "not-found" }] : []),
    remove: async () => undefined,
    leave: async (conversation) => change(conversation, { left: true }),
    setRole: async () => undefined,
    send: async (conversation, text, replyTo) => {
      const to = messages.find((m) => m.id === replyTo);
      add({ text, ...(to && { reply: { id: to.id, name: to.name, text: to.text ?? "" } }) });
      change(conversation, { last: { name: "Ada", own: true, kind: "text", text, sent: Date.now() }, unread: 0 });
      wake([{ kind: "typing", conversation, name: "Grace" }]);
    },
    edit: (_conversation, message, text) => edit(message, { text, edited: Date.now() }),
    delete: (_conversation, message) => edit(message, { deleted: Date.now() }),
    react: (_conversation, message, emoji, on) => edit(message, { reactions: on ? [{ emoji, count: 1, own: true }] : [] }),
    retry: (_conversation, message) => edit(message, { state: "sending" }),
    typing: async () => undefined,
    read: async (conversation, seq) => change(conversation, { unread: 0, read_to: seq }),
    set: async (conversation, settings) => change(conversation, settings),
    next: () => {
      const news = first;
      first = [];
      return news.length > 0 ? Promise.resolve(news) : new Promise((resolve) => (wake = resolve));
    },
    dispose: () => undefined,
  };
}

/** The messenger of the page's scene. */
export function openFakeMessages(): Promise<MessagesClient> {
  return Promise.resolve(fakeMessages(new URLSearchParams(location.search).get("scene")));
}
