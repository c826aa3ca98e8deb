import { language } from "../../words/words.svelte.ts";

const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A size as people write it: "84 kB", "18 MB". */
export function sizeText(bytes: number): string {
  let [value, at] = [Math.max(0, bytes), 0];
  while (value >= 1000 && at < units.length - 1) [value, at] = [value / 1000, at + 1];
  return new Intl.NumberFormat(language().tag, {
    style: "unit",
    unit: units[at] ?? "byte",
    unitDisplay: at === 0 ? "long" : "short",
    maximumFractionDigits: at > 1 ? 1 : 0,
  }).format(value);
}
