import type { Message } from "../../messages/types.ts";

const runWithin = 5 * 60_000; // ms; messages of one person this close share the name

/** One line of a conversation as it is shown. */
export type Row =
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "new"; readonly key: string; readonly count: number }
  | { readonly kind: "notice"; readonly key: string; readonly message: Message }
  /** `continued`: the name and time are those of a message before it. */
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly continued: boolean };

/** The lines of messages, oldest first; the line above the first unread one is after `readTo`, unless that is absent. */
export function rowsOf(messages: readonly Message[], readTo: number | undefined): Row[] {
  const rows: Row[] = [];
  const counts = (m: Message): boolean =>
    readTo !== undefined && m.own !== true && m.kind !== "notice" && (m.seq ?? 0) > readTo;
  const first = messages.find(counts);
  let before: Message | undefined;
  for (const message of messages) {
    if (!before || dayOf(before.sent) !== dayOf(message.sent)) {
      rows.push({ kind: "day", key: `day ${message.id}`, at: message.sent });
      before = undefined;
    }
    if (message === first) {
      rows.push({ kind: "new", key: "new", count: messages.filter(counts).length });
      before = undefined;
    }
    const same = before?.kind !== "notice" && before?.from === message.from;
    const continued = same && before !== undefined && message.sent - before.sent < runWithin;
    if (message.kind === "notice") rows.push({ kind: "notice", key: message.id, message });
    else rows.push({ kind: "message", key: message.id, message, continued });
    before = message;
  }
  return rows;
}

function dayOf(at: number): string {
  return new Date(at).toDateString();
}

/** Messages read again, over those that were there: what is not in the new page but older stays. */
export function merge(old: readonly Message[], page: readonly Message[], more: boolean): readonly Message[] {
  const first = page[0];
  if (!more || first === undefined) return page;
  const at = old.findIndex((m) => m.id === first.id);
  return at > 0 ? [...old.slice(0, at), ...page] : page;
}
