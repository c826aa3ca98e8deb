const tints = 7;

/** One of seven tints for a name: the same for everyone who sees the name, and nothing more. */
export function tint(name: string): string {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return `t${(sum % tints) + 1}`;
}

/** The first letter of a name as people see it, whatever the script. */
export function initial(name: string): string {
  const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(name.trim());
  for (const { segment } of letters) return segment.toLocaleUpperCase();
  return "?";
}
