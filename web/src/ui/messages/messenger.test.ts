import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Message, MessageNews, MessagesClient } from "../../messages/types.ts";
import { fakeMessages } from "../dev/fake-messages.ts";
import { Messenger } from "./messenger.svelte.ts";
import { noticeText } from "./notice.ts";
import { sealOf } from "./seal.ts";
import { sizeText } from "./size.ts";

const group = "1".padStart(32, "0");
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

beforeEach(() => vi.stubGlobal("document", { visibilityState: "visible" }));
afterEach(() => vi.unstubAllGlobals());

describe("the messenger", () => {
  async function opened(client: MessagesClient = fakeMessages(null)): Promise<Messenger> {
    const messenger = new Messenger(client);
    await messenger.start();
    await messenger.show(group);
    return messenger;
  }

  it("opens at what is new, and says that it is read", async () => {
    const messenger = await opened();
    expect(messenger.readTo).toBe(4);
    expect(messenger.conversation).toMatchObject({ unread: 0, read_to: 5 });
    expect(messenger.members.map((m) => m.handle)).toContain("kofi");
    messenger.close();
  });

  it("leaves unread what nobody looks at", async () => {
    vi.stubGlobal("document", { visibilityState: "hidden" });
    const messenger = await opened();
    expect(messenger.conversation).toMatchObject({ unread: 1 });
    messenger.close();
  });

  it("shows what was sent, and who types", async () => {
    const messenger = await opened();
    await messenger.send("on my way", "a2");
    expect(messenger.messages.at(-1)).toMatchObject({ text: "on my way", reply: { name: "Grace" } });
    await settled();
    expect(messenger.typing.get(group)).toEqual(["Grace"]);
    messenger.close();
  });

  it("pages back without losing or doubling a message", async () => {
    const all = Array.from({ length: 130 }, (_, i): Message => ({ id: `m${i}`, seq: i + 1, from: "f", name: "Grace", sent: i, kind: "text", text: String(i) }));
    let wake: (news: readonly MessageNews[]) => void = () => undefined;
    const client: MessagesClient = {
      ...fakeMessages(null),
      messages: async (_id, before, limit) => {
        const end = before === "" ? all.length : all.findIndex((m) => m.id === before);
        return { messages: all.slice(Math.max(0, end - limit), end), more: end > limit };
      },
      next: () => new Promise((resolve) => (wake = resolve)),
    };
    const messenger = await opened(client);
    expect(messenger.messages).toHaveLength(50);
    await messenger.older();
    all.push({ id: "new", seq: 131, from: "f", name: "Grace", sent: 999, kind: "text", text: "new" });
    wake([{ kind: "message", conversation: group }]);
    await vi.waitFor(() => expect(messenger.messages.at(-1)?.id).toBe("new"));
    await messenger.older();
    expect(messenger.messages.map((m) => m.id)).toEqual(all.map((m) => m.id));
    expect(messenger.more).toBe(false);
    messenger.close();
  });

  it("drops what comes for a conversation that is not open any more", async () => {
    const messenger = await opened();
    const late = messenger.again();
    await messenger.show("");
    await late;
    expect(messenger.messages).toEqual([]);
    messenger.close();
  });
});

describe("a conversation", () => {
  const member = (user: string, own = false): Parameters<typeof sealOf>[0][number] => ({
    user, handle: user, name: user, role: "member", devices: 1, own,
  });
  const contact = (user: string, verified: "none" | "emoji", state: "ok" | "reset" = "ok"): Parameters<typeof sealOf>[1][number] => ({
    user, handle: user, name: user, version: 1, verified, state, devices: null,
  });
  it("is as safe as the worst of its people, and a stranger is not verified", () => {
    const people = [member("me", true), member("a"), member("b")];
    expect(sealOf(people, [contact("a", "emoji"), contact("b", "emoji")])).toEqual({ state: "verified", unverified: 0 });
    expect(sealOf(people, [contact("a", "emoji")])).toEqual({ state: "unverified", unverified: 1 });
    expect(sealOf(people, [contact("a", "emoji", "reset"), contact("b", "none")])).toEqual({ state: "exposed", unverified: 2 });
  });
  it("has the exact words of the design for what the server does", () => {
    expect(noticeText({ kind: "ghost" })).toBe("Blocked an attempt by the server to add someone to this conversation.");
    expect(noticeText({ kind: "gap", name: "Noor", count: 1 })).toBe("1 message missing from Noor. Asking Noor’s device again.");
    expect(noticeText({ kind: "what-is-to-come" })).toBe("Something changed in this conversation.");
  });
  it("writes sizes as people do", () => {
    expect(sizeText(84_000)).toBe("84 kB");
    expect(sizeText(12_400_000)).toBe("12.4 MB");
  });
});
