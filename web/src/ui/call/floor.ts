import type { Tile } from "../../engine/types.ts";

const moveEvery = 1000; // ms; the large picture changes no more often

/** Who has the floor: the camera of the last person who spoke, other than you. */
export class Floor {
  #id: string | undefined;
  #movedAt = -Infinity;

  update(tiles: readonly Tile[], now: number): string | undefined {
    const here = tiles.find((tile) => tile.id === this.#id);
    if (here?.speaking === true) return this.#id;
    const next = tiles.find((tile) => tile.kind === "camera" && tile.speaking)?.id ?? here?.id;
    if (next !== this.#id && (here === undefined || now - this.#movedAt >= moveEvery)) {
      this.#id = next;
      this.#movedAt = now;
    }
    return this.#id;
  }
}
