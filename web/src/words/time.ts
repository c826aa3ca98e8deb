import { language, t } from "./words.svelte.ts";

/** A length of time as a clock: "24:10", "1:02:03". */
export function clock(milliseconds: number): string {
  const all = Math.max(0, Math.floor(milliseconds / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long ago something was, in the language's words. */
export function ago(then: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 10) return t("ago.now");
  const relative = new Intl.RelativeTimeFormat(language().tag, { numeric: "always" });
  if (seconds < 60) return relative.format(-seconds, "second");
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
  return relative.format(-Math.floor(seconds / 3600), "hour");
}

/** The time of day as the system writes it, and for datetime="". */
export function timeOfDay(at: number): { readonly text: string; readonly machine: string } {
  const date = new Date(at);
  const text = new Intl.DateTimeFormat(language().tag, { hour: "2-digit", minute: "2-digit" }).format(date);
  return { text, machine: date.toISOString() };
}
