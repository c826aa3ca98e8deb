import type { Member, MemberIndex } from "../../engine/types.ts";

export interface RaisedHand {
  readonly member: MemberIndex;
  readonly since: number;
}

/** The line of raised hands, in the order in which this device saw them go up. */
export function updateHands(
  line: readonly RaisedHand[],
  members: readonly Member[],
  now: number,
): readonly RaisedHand[] {
  const up = members.filter((member) => member.hand).map((member) => member.index);
  const kept = line.filter((hand) => up.includes(hand.member));
  const added = up
    .filter((index) => !line.some((hand) => hand.member === index))
    .map((member) => ({ member, since: now }));
  return kept.length === line.length && added.length === 0 ? line : [...kept, ...added];
}
