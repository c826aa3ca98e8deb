/** A text with named slots in braces. */
export type Plain = string;

/** A text by number, in the categories of Intl.PluralRules; "other" is always there. */
export type Plural = Readonly<Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }>;

export type Text = Plain | Plural;

type SlotNames<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? Name | SlotNames<Rest>
  : never;

/** The slots that a text has, read from the text itself by the compiler. */
export type SlotsOf<T> = T extends string
  ? SlotNames<T>
  : T extends { readonly other: infer O extends string }
    ? SlotNames<O> | "count"
    : never;

/** A piece of a filled text: what the table says, or what was put into a slot. */
export interface Piece {
  readonly slot: string | undefined;
  readonly text: string;
}

const slotPattern = /\{([a-z]+)\}/gu;

/** Splits a text at its slots and fills them; a slot nobody filled stays visible. */
export function fill(text: string, slots: Readonly<Record<string, string>>): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(slotPattern)) {
    const [whole, name = ""] = found;
    if (found.index > from) pieces.push({ slot: undefined, text: text.slice(from, found.index) });
    pieces.push({ slot: name, text: slots[name] ?? whole });
    from = found.index + whole.length;
  }
  if (from < text.length) pieces.push({ slot: undefined, text: text.slice(from) });
  return pieces;
}
