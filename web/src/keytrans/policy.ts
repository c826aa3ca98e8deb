import { type Key, parseKey } from "./note.ts";

/** Says which witnesses must confirm a checkpoint: C2SP tlog-policy. */
export interface Policy {
  witnesses: Key[];
  /** Whether those for which has is true are a quorum. */
  enough(has: (i: number) => boolean): boolean;
  /** Whether any witness is asked for. */
  asks: boolean;
}

/** Reads a policy that is known to be well-formed, as those of vectors are. */
export function parsePolicy(text: string): Policy {
  const witnesses: Key[] = [];
  type Has = (i: number) => boolean;
  const rules = new Map<string, (has: Has) => boolean>([["none", () => true]]);
  const counted = new Map<string, number[]>([["none", []]]);
  let quorum = "none";
  for (const line of text.split("\n")) {
    const [word, name = "", third = "", ...rest] = line.trim().split(/[ \t]+/);
    if (word === "witness") {
      const i = witnesses.push(parseKey(third, 4)) - 1;
      rules.set(name, (has) => has(i));
      counted.set(name, [i]);
    } else if (word === "group") {
      const need = third === "any" ? 1 : third === "all" ? rest.length : Number(third);
      rules.set(name, (has) => rest.filter((m) => rules.get(m)?.(has)).length >= need);
      counted.set(
        name,
        rest.flatMap((m) => counted.get(m) ?? []),
      );
    } else if (word === "quorum") {
      quorum = name;
    }
  }
  const places = counted.get(quorum) ?? [];
  const rule = rules.get(quorum) ?? (() => false);
  return {
    witnesses: places.map((i) => witnesses[i] as Key),
    enough: (has) => rule((i) => has(places.indexOf(i))),
    asks: quorum !== "none",
  };
}
