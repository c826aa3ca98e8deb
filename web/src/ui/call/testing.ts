import type { Member, MemberIndex, Tile } from "../../engine/types.ts";

/** A member for tests. */
export function testMember(index: number, name: string, part: Partial<Member> = {}): Member {
  return {
    index: index as MemberIndex,
    name,
    device: String(index).padStart(16, "0"),
    deviceClass: "web",
    you: false,
    owner: false,
    away: false,
    mic: true,
    camera: true,
    screen: false,
    hand: false,
    speaking: false,
    ...part,
  };
}

/** A tile for tests. */
export function testTile(id: string, part: Partial<Tile> = {}): Tile {
  return {
    id,
    kind: "camera",
    member: undefined,
    name: id,
    state: "playing",
    reason: undefined,
    seconds: undefined,
    media: undefined,
    speaking: false,
    micOn: true,
    layer: undefined,
    ...part,
  };
}
