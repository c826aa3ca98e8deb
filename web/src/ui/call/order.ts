import type { Tile } from "../../engine/types.ts";

/** Two tiles may change places no more often than this, so that the page stays calm. */
const swapEvery = 1000; // ms

/**
 * The order of the tiles on the pages. It is stable: who comes later stands
 * behind, the own picture closes the first page, and somebody who speaks off the
 * first page takes the place of the one there who has been silent for longest.
 */
export class TileOrder {
  #ids: readonly string[] = [];
  readonly #spoke = new Map<string, number>();
  #swappedAt = -Infinity;

  /** The ids in order, after taking in what changed. */
  update(
    tiles: readonly Tile[],
    perPage: number,
    pinned: string | undefined,
    now: number,
  ): readonly string[] {
    const ids = tiles.map((tile) => tile.id);
    for (const tile of tiles) if (tile.speaking) this.#spoke.set(tile.id, now);
    for (const id of this.#spoke.keys()) if (!ids.includes(id)) this.#spoke.delete(id);

    const self = tiles.find((tile) => tile.kind === "self")?.id;
    const kept = this.#ids.filter((id) => ids.includes(id) && id !== self);
    const screens = tiles
      .filter((tile) => tile.kind === "screen" && !kept.includes(tile.id))
      .map((tile) => tile.id);
    const added = ids.filter((id) => id !== self && !kept.includes(id) && !screens.includes(id));
    const others = [...screens, ...kept, ...added];

    // The own picture takes one place of the first page, when there is more than one.
    const room = self === undefined || perPage < 2 ? perPage : perPage - 1;
    this.#bringIn(others, room, pinned, tiles, now);
    if (self !== undefined) others.splice(Math.min(room, others.length), 0, self);
    this.#ids = others;
    return others;
  }

  #bringIn(
    ids: string[],
    room: number,
    pinned: string | undefined,
    tiles: readonly Tile[],
    now: number,
  ): void {
    if (ids.length <= room) return;
    const away =
      pinned !== undefined && ids.indexOf(pinned) >= room ? pinned : this.#speakerBeyond(ids, room, tiles);
    if (away === undefined || (away !== pinned && now - this.#swappedAt < swapEvery)) return;
    const silent = ids
      .slice(0, room)
      .filter(
        (id) =>
          id !== pinned && !tiles.some((tile) => tile.id === id && (tile.speaking || tile.kind === "screen")),
      )
      .toSorted((a, b) => (this.#spoke.get(a) ?? -1) - (this.#spoke.get(b) ?? -1))[0];
    if (silent === undefined) return;
    const [from, to] = [ids.indexOf(away), ids.indexOf(silent)];
    ids[from] = silent;
    ids[to] = away;
    this.#swappedAt = now;
  }

  #speakerBeyond(ids: readonly string[], room: number, tiles: readonly Tile[]): string | undefined {
    return ids
      .slice(room)
      .find((id) => tiles.some((tile) => tile.id === id && tile.speaking && tile.kind === "camera"));
  }
}
