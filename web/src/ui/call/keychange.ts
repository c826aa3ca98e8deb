import type { Member } from "../../engine/types.ts";
import { listNames, t } from "../../words/words.svelte.ts";

/** When the key last changed, and who came or went with it. */
export interface KeyChange {
  readonly epoch: number;
  readonly at: number;
  readonly first: boolean;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** The change from the members that the last key was made for to those of the new one. */
export function keyChange(
  epoch: number,
  at: number,
  before: readonly Member[] | undefined,
  after: readonly Member[],
): KeyChange {
  const missing = (from: readonly Member[], of: readonly Member[]): string[] =>
    from.filter((m) => !of.some((other) => other.device === m.device)).map((m) => m.name);
  if (!before) return { epoch, at, first: true, joined: [], left: [] };
  return { epoch, at, first: false, joined: missing(after, before), left: missing(before, after) };
}

/** Why the key changed, in words. */
export function whyKeyChanged(change: KeyChange): string {
  if (change.first) return change.epoch === 1 ? t("why.began") : t("why.entered");
  const [joined, left] = [listNames(change.joined), listNames(change.left)];
  if (change.joined.length > 0 && change.left.length > 0) return t("why.both", { joined, left });
  if (change.joined.length > 0) return t("why.joined", { names: joined });
  if (change.left.length > 0) return t("why.left", { names: left });
  return t("why.renewed");
}
