import { en } from "./en.ts";
import { fill, type Piece, type SlotsOf, type Text } from "./text.ts";

export type WordId = keyof typeof en;
export type Table = Readonly<Record<WordId, Text>>;

/** What the slots of a text are filled with. Numbers are written as the language writes them. */
export type Slots<Id extends WordId> = { readonly [Name in SlotsOf<(typeof en)[Id]>]: string | number };

/** The slots as an argument, absent where a text has none. */
export type SlotArgs<Id extends WordId> = [SlotsOf<(typeof en)[Id]>] extends [never]
  ? []
  : [slots: Slots<Id>];

export interface Language {
  /** BCP 47, for lang="" and Intl. */
  readonly tag: string;
  /** The language's name for itself. */
  readonly name: string;
  readonly dir: "ltr" | "rtl";
  readonly table: Table;
}

const english: Language = { tag: "en", name: "English", dir: "ltr", table: en };

/** The languages that can be chosen. A new one is a table and a line here. */
let list = $state.raw<readonly Language[]>([english]);
let current = $state.raw<Language>(english);

export function languages(): readonly Language[] {
  return list;
}

export function language(): Language {
  return current;
}

/** Adds a language; used by tables that are loaded when asked for, and by tests. */
export function addLanguage(added: Language): void {
  list = [...list.filter((l) => l.tag !== added.tag), added];
}

/** Switches all words, and the direction of the page. An unknown tag changes nothing. */
export function chooseLanguage(tag: string): void {
  const found = list.find((l) => l.tag === tag);
  if (found) current = found;
}

/** The words of an id with their slots filled, in pieces, so that names can be isolated in markup. */
export function pieces<Id extends WordId>(id: Id, ...args: SlotArgs<Id>): Piece[] {
  const { table, tag } = current;
  const given: Readonly<Record<string, string | number>> = args[0] ?? {};
  const written: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    written[name] = typeof value === "number" ? numbers(tag).format(value) : value;
  }
  return fill(form(table[id], given["count"], tag), written);
}

/** The words of an id as one string, for attributes, titles and announcements. */
export function t<Id extends WordId>(id: Id, ...args: SlotArgs<Id>): string {
  return pieces(id, ...args)
    .map((piece) => (piece.slot === undefined ? piece.text : isolate(piece.text)))
    .join("");
}

/** Names as the language lists them; more than three become "and 2 others". */
export function listNames(names: readonly string[]): string {
  const shown =
    names.length > 4 ? [...names.slice(0, 3), t("list.others", { count: names.length - 3 })] : names;
  return new Intl.ListFormat(current.tag, { type: "conjunction" }).format(shown.map((n) => isolate(n)));
}

function form(text: Text, count: string | number | undefined, tag: string): string {
  if (typeof text === "string") return text;
  if (typeof count !== "number") return text.other;
  return text[plurals(tag).select(count)] ?? text.other;
}

const letters = { ltr: /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/u, rtl: /[A-Za-z\u00c0-\u058f]/u };

// Unicode Standard Annex 9, Section 2.3: U+2068 and U+2069.
const firstStrong = String.fromCodePoint(0x2068);
const endOfIsolate = String.fromCodePoint(0x2069);

/** Puts first-strong isolates around text that would pull its neighbours the other way. */
function isolate(text: string): string {
  return letters[current.dir].test(text) ? firstStrong + text + endOfIsolate : text;
}

const rules = new Map<string, Intl.PluralRules>();
function plurals(tag: string): Intl.PluralRules {
  const found = rules.get(tag) ?? new Intl.PluralRules(tag);
  rules.set(tag, found);
  return found;
}

const formats = new Map<string, Intl.NumberFormat>();
function numbers(tag: string): Intl.NumberFormat {
  const found = formats.get(tag) ?? new Intl.NumberFormat(tag);
  formats.set(tag, found);
  return found;
}
