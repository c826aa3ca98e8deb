/** Words of a recovery code as typed: lower case, whatever stands between them. */
export function typedWords(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");
}
