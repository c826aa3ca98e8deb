import type { Tile } from "../../engine/types.ts";
import ada from "./art/ada.svg";
import grace from "./art/grace.svg";
import kofi from "./art/kofi.svg";
import lin from "./art/lin.svg";
import mei from "./art/mei.svg";
import noor from "./art/noor.svg";
import slide from "./art/slide.svg";

const art: Readonly<Record<string, string>> = { ada, grace, kofi, lin, mei, noor };
const order = [grace, kofi, mei, lin, noor, ada];
const every = 500; // ms between drawings; enough for a still picture

/** Streams drawn on canvases from the project's own pictures. */
export class FakeMedia {
  readonly #streams = new Map<string, MediaStream>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  of(tile: Tile): MediaStream {
    const found = this.#streams.get(tile.id);
    if (found) return found;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = tile.kind === "screen" ? [1280, 800] : [1280, 800];
    const picture = new Image();
    picture.src =
      tile.kind === "screen"
        ? slide
        : (art[tile.name.toLowerCase()] ?? order[tile.name.length % order.length] ?? ada);
    const draw = (): void => canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.addEventListener("load", draw);
    this.#timers.push(setInterval(draw, every));
    const stream = canvas.captureStream(4);
    this.#streams.set(tile.id, stream);
    return stream;
  }

  dispose(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const stream of this.#streams.values()) for (const track of stream.getTracks()) track.stop();
  }
}
