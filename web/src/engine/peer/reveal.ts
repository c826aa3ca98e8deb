/** Without a way to tell pictures apart: by then those of the former sender have left the decoder. */
const blindMs = 1000;

interface FrameInfo {
  readonly rtpTimestamp?: number;
}

/**
 * Resolves when a video track shows its first picture at or after
 * rtpTimestamp. After an m-line has changed its sender, pictures of the
 * former one may still be on their way through the decoder; they must not be
 * seen under the new name.
 */
export async function revealed(
  track: MediaStreamTrack,
  rtpTimestamp: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  try {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      // Hidden pages draw nothing, and some browsers do not name the picture.
      setTimeout(resolve, blindMs);
      const look = (_now: number, { rtpTimestamp: shown }: FrameInfo): void => {
        if (shown !== undefined && rtpTimestamp !== undefined && isAtOrAfter(shown, rtpTimestamp)) {
          resolve();
        } else {
          video.requestVideoFrameCallback(look);
        }
      };
      if ("requestVideoFrameCallback" in video) {
        video.requestVideoFrameCallback(look);
      }
      video.play().catch(() => undefined);
    });
  } finally {
    video.srcObject = null;
  }
}

/** Compares RTP timestamps, which wrap at 32 bits (RFC 3550, Section 5.1). */
export function isAtOrAfter(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}
