import { language } from "../../words/words.svelte.ts";

/** A day as people write it: "today", "yesterday", else "12 April", with the year where it is another. */
export function day(at: number, now: number): string {
  const { tag } = language();
  const days = dayOf(now) - dayOf(at);
  if (days === 0 || days === 1)
    return new Intl.RelativeTimeFormat(tag, { numeric: "auto" }).format(-days, "day");
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(tag, {
    day: "numeric",
    month: "long",
    ...(!sameYear && { year: "numeric" }),
  }).format(at);
}

/** Whole days since 1970 in the time of this place. */
function dayOf(at: number): number {
  const date = new Date(at);
  return Math.floor((at - date.getTimezoneOffset() * 60_000) / 86_400_000);
}
