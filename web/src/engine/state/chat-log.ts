import type { OutChat } from "../bridge.d.ts";
import type { ChatMessage, MemberIndex } from "../types.ts";

/** Messages kept for display; the eldest go first. */
const maxMessages = 2000;

/** The messages of a call in the order of their arrival. */
export class ChatLog {
  #messages: readonly ChatMessage[] = [];

  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Adds a message. One that is already there (sent again, say) is not added twice. */
  add({ id, index, name, text, sentAt, you }: OutChat): void {
    if (this.#messages.some((message) => message.id === id)) {
      this.deliver(id, "sending");
      return;
    }
    const delivery = you ? "sending" : "sent";
    const message: ChatMessage = { id, index: index as MemberIndex, name, text, sentAt, you, delivery };
    this.#messages = [...this.#messages, message].slice(-maxMessages);
  }

  /** Says how far an own message has got. */
  deliver(id: string, delivery: ChatMessage["delivery"]): void {
    this.#messages = this.#messages.map((message) =>
      message.id === id && message.you ? { ...message, delivery } : message,
    );
  }
}
