import type { ChatMessage } from "../../engine/types.ts";

const runWithin = 5 * 60 * 1000; // ms; messages of one person this close share the name

export interface RunMessage {
  readonly message: ChatMessage;
  /** The name and the time are those of a message before it. */
  readonly continued: boolean;
}

/** The messages in order, marked where they go on a run of the same person. */
export function runsOf(messages: readonly ChatMessage[]): RunMessage[] {
  return messages.map((message, i) => {
    const before = messages[i - 1];
    const same =
      before !== undefined &&
      before.you === message.you &&
      before.index === message.index &&
      before.name === message.name;
    return { message, continued: same && message.sentAt - before.sentAt < runWithin };
  });
}
