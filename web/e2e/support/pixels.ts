import type { Picture, Rgb } from "./y4m.ts";

/** What a page function finds in the middle of each half of a video. */
export interface Halves {
  readonly left: Rgb;
  readonly right: Rgb;
  readonly width: number;
  readonly height: number;
}

/**
 * Reads the colours of a playing video; runs in the page. Mirrored pictures
 * are read as they are decoded, not as they are drawn.
 */
export function readHalves(video: HTMLVideoElement): Halves | undefined {
  if (video.videoWidth === 0) return undefined;
  const canvas = document.createElement("canvas");
  canvas.width = 64;
  canvas.height = 36;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return undefined;
  context.drawImage(video, 0, 0, 64, 36);
  const at = (x: number): [number, number, number] => {
    const d = context.getImageData(x, 14, 1, 1).data;
    return [d[0] ?? 0, d[1] ?? 0, d[2] ?? 0];
  };
  return { left: at(16), right: at(48), width: video.videoWidth, height: video.videoHeight };
}

/** Whether two colours are the same to within what a codec and two colour spaces change. */
export function near(a: Rgb, b: Rgb, tolerance = 45): boolean {
  return a.every((v, i) => Math.abs(v - (b[i] ?? 0)) <= tolerance);
}

/** Whether halves show the picture. */
export function shows(halves: Halves | undefined, picture: Picture): boolean {
  return halves !== undefined && near(halves.left, picture.left) && near(halves.right, picture.right);
}
