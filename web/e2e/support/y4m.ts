import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A colour as the eye names it; also how a picture check reports it. */
export type Rgb = readonly [number, number, number];

/** Two colours, left half and right half: who is in the picture. */
export interface Picture {
  readonly left: Rgb;
  readonly right: Rgb;
}

/** Pictures that no two people of a test share. */
export const pictures = {
  ada: { left: [210, 40, 40], right: [40, 60, 210] },
  kofi: { left: [40, 170, 60], right: [220, 200, 40] },
  mei: { left: [170, 50, 190], right: [40, 190, 200] },
  lin: { left: [225, 225, 225], right: [200, 110, 30] },
} as const satisfies Record<string, Picture>;

/**
 * Writes a looping film for Chromium's fake camera: two halves of plain colour,
 * with a band of moving noise along the bottom so that the encoder has work.
 */
export function writeFilm(path: string, picture: Picture, width: number, height: number, fps = 15, frames = 30): void {
  mkdirSync(dirname(path), { recursive: true });
  const chunks: Buffer[] = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  for (let i = 0; i < frames; i++) {
    chunks.push(Buffer.from("FRAME\n"), frame(picture, width, height, i));
  }
  writeFileSync(path, Buffer.concat(chunks));
}

function frame(picture: Picture, width: number, height: number, n: number): Buffer {
  const left = yuv(picture.left);
  const right = yuv(picture.right);
  const luma = Buffer.alloc(width * height);
  const band = Math.floor(height * 0.8);
  let seed = (n + 1) * 2654435761;
  for (let y = 0; y < height; y++) {
    luma.fill(left[0], y * width, y * width + width / 2);
    luma.fill(right[0], y * width + width / 2, (y + 1) * width);
    if (y < band) continue;
    for (let x = 0; x < width; x += 8) {
      seed = (seed * 1664525 + 1013904223) >>> 0;
      luma.fill(16 + (seed >>> 25), y * width + x, y * width + x + 8);
    }
  }
  return Buffer.concat([luma, plane(left[1], right[1], width / 2, height / 2), plane(left[2], right[2], width / 2, height / 2)]);
}

function plane(left: number, right: number, width: number, height: number): Buffer {
  const row = Buffer.alloc(width, left);
  row.fill(right, width / 2);
  return Buffer.concat(Array.from({ length: height }, () => row));
}

/** BT.601 full range, as C420jpeg says. */
function yuv([r, g, b]: Rgb): [number, number, number] {
  const clip = (v: number): number => Math.max(0, Math.min(255, Math.round(v)));
  return [
    clip(0.299 * r + 0.587 * g + 0.114 * b),
    clip(128 - 0.168736 * r - 0.331264 * g + 0.5 * b),
    clip(128 + 0.5 * r - 0.418688 * g - 0.081312 * b),
  ];
}
