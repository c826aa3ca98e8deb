import type { EncodedFrame, FrameMetadata } from "../media-worker/frame.ts";

/** A frame as the browser's encoder or depacketiser would hand it over. */
export function frame(
  data: Uint8Array<ArrayBuffer>,
  metadata: FrameMetadata = { mimeType: "video/VP9" },
  type?: "key" | "delta" | "empty",
): EncodedFrame {
  return { data: data.slice().buffer, ...(type && { type }), getMetadata: () => metadata };
}

/** The bytes of a frame as they are now. */
export function content(of: EncodedFrame): Uint8Array<ArrayBuffer> {
  return new Uint8Array(of.data);
}
