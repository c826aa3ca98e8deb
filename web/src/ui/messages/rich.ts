/*
 * The little markup that messages have: **bold**, *italic*, `code`, a block of
 * code between ``` lines, "> " quotes, and links. It gives data, never HTML, and
 * takes a time that grows with the length of the text only.
 */

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong"; readonly parts: readonly Inline[] }
  | { readonly kind: "em"; readonly parts: readonly Inline[] }
  /** `host` is shown beside the text where the text does not say it. */
  | { readonly kind: "link"; readonly text: string; readonly href: string; readonly host: string };

export type Block =
  | { readonly kind: "text" | "quote"; readonly parts: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string };

const deepest = 3; // bold in italic in bold; deeper marks stay as typed

/** The blocks of a message. */
export function parseRich(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  let kept: string[] = [];
  let kind: "text" | "quote" = "text";
  const flush = (): void => {
    const joined = kept.join("\n");
    if (joined.trim() !== "") blocks.push({ kind, parts: parseInline(joined, 0) });
    kept = [];
  };
  const lastFence = lines.findLastIndex((line) => line.startsWith("```"));
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line.startsWith("```") && i < lastFence) {
      flush();
      const end = lines.findIndex((other, at) => at > i && other.startsWith("```"));
      blocks.push({ kind: "code", text: lines.slice(i + 1, end).join("\n") });
      i = end;
      continue;
    }
    const next = line.startsWith("> ") || line === ">" ? "quote" : "text";
    if (next !== kind) flush();
    kind = next;
    kept.push(next === "quote" ? line.slice(2) : line);
  }
  flush();
  return blocks;
}

// No blanks, brackets or direction marks: what is shown is what is opened.
const turns = "\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
const address = `https?://[^\\s<>"()${turns}]{1,2000}`;
const bareLink = new RegExp(address, "uy");
const namedLink = new RegExp(`\\[([^[\\]\\n]{1,300})\\]\\((${address})\\)`, "uy");
const marks = [
  { mark: "**", kind: "strong" },
  { mark: "*", kind: "em" },
  { mark: "_", kind: "em" },
] as const;
const wordAt = /[\p{L}\p{N}_]/u;

function parseInline(text: string, depth: number): Inline[] {
  const parts: Inline[] = [];
  let plain = "";
  let at = 0;
  const put = (part: Inline, length: number): void => {
    if (plain !== "") parts.push({ kind: "text", text: plain });
    plain = "";
    parts.push(part);
    at += length;
  };
  while (at < text.length) {
    const found = special(text, at, depth);
    if (found) {
      put(found.part, found.length);
    } else {
      plain += text[at] ?? "";
      at++;
    }
  }
  if (plain !== "") parts.push({ kind: "text", text: plain });
  return parts;
}

interface Special {
  readonly part: Inline;
  readonly length: number;
}

/** What begins at a place, if it is more than plain text. */
function special(text: string, at: number, depth: number): Special | undefined {
  const letter = text[at];
  if (letter === "`") {
    const inner = between(text, at, "`");
    return inner === undefined ? undefined : { part: { kind: "code", text: inner }, length: inner.length + 2 };
  }
  if (letter === "[" || letter === "h") return linkAt(text, at);
  if ((letter !== "*" && letter !== "_") || depth >= deepest) return undefined;
  for (const { mark, kind } of marks) {
    if (!text.startsWith(mark, at)) continue;
    // An underscore within a word is a part of the word.
    if (mark === "_" && at > 0 && wordAt.test(text[at - 1] ?? "")) continue;
    const inner = between(text, at, mark);
    if (inner === undefined || inner.trim() !== inner) continue;
    const length = inner.length + 2 * mark.length;
    if (mark === "_" && wordAt.test(text[at + length] ?? "")) continue;
    return { part: { kind, parts: parseInline(inner, depth + 1) }, length };
  }
  return undefined;
}

/** What stands between a mark and its next one on the same line. */
function between(text: string, at: number, mark: string): string | undefined {
  const from = at + mark.length;
  const line = text.indexOf("\n", from);
  const reach = text.slice(from, Math.min(line < 0 ? text.length : line, from + 2000));
  const end = reach.indexOf(mark);
  return end > 0 ? reach.slice(0, end) : undefined;
}

function linkAt(text: string, at: number): Special | undefined {
  if (text[at] === "[") {
    namedLink.lastIndex = at;
    const [whole, words = "", href = ""] = namedLink.exec(text) ?? [];
    return whole === undefined ? undefined : link(words, href, whole.length);
  }
  if (at > 0 && wordAt.test(text[at - 1] ?? "")) return undefined;
  bareLink.lastIndex = at;
  const href = bareLink.exec(text)?.[0].replace(/[.,;:!?'*_`]+$/u, "");
  if (href === undefined || new RegExp(`^[^\\s]*[${turns}]`, "u").test(text.slice(at, at + 2100))) return undefined;
  return link(href, href, href.length);
}

/** A link to the web; one that names a user, as a deceit does, is no link. */
function link(text: string, href: string, length: number): Special | undefined {
  const url = URL.parse(href);
  if (!url || !/^https?:$/u.test(url.protocol) || url.username !== "" || url.password !== "") return undefined;
  const said = text === href && href.toLowerCase().startsWith(`${url.protocol}//${url.host}`);
  return { part: { kind: "link", text, href: url.href, host: said ? "" : url.host }, length };
}

/** The text without its marks, on one line: for the list and for quotes. */
export function plainOf(text: string): string {
  const flat = (parts: readonly Inline[]): string =>
    parts.map((part) => ("parts" in part ? flat(part.parts) : part.text)).join("");
  return parseRich(text.slice(0, 300))
    .map((block) => ("parts" in block ? flat(block.parts) : block.text))
    .join(" ")
    .replaceAll(/\s+/gu, " ")
    .trim();
}
