import type { ShownTile } from "../../engine/types.ts";
import type { Placed } from "./stage.ts";

const settle = 120; // ms; a window being dragged would ask for a hundred sizes
const highest = 8192; // device pixels; no screen shows more

/** What the tiles on the stage are drawn at. The own one costs nothing and is not asked for. */
export function shownTiles(placed: readonly Placed[], pixels: number): ShownTile[] {
  return placed
    .filter(({ tile }) => tile.kind !== "self")
    .map(({ tile, rect, role }) => ({
      id: tile.id,
      width: Math.min(highest, Math.max(1, Math.round(rect.w * pixels))),
      height: Math.min(highest, Math.max(1, Math.round(rect.h * pixels))),
      // A higher number is served first when bandwidth is short.
      priority: tile.kind === "screen" ? 3 : role === "large" ? 2 : 1,
    }));
}

/** Tells the engine what is shown, once the sizes have settled and only when they differ. */
export class ShownReport {
  readonly #show: (tiles: readonly ShownTile[]) => void;
  #said = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(show: (tiles: readonly ShownTile[]) => void) {
    this.#show = show;
  }

  tell(tiles: readonly ShownTile[]): void {
    clearTimeout(this.#timer);
    const text = JSON.stringify(tiles);
    if (text === this.#said) return;
    const say = (): void => {
      this.#said = text;
      this.#show(tiles);
    };
    // The first picture should not wait.
    if (this.#said === "") say();
    else this.#timer = setTimeout(say, settle);
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
