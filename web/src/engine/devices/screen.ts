/** What is shared: a picture, and sound where the browser gives it. */
export interface SharedScreen {
  readonly video: MediaStreamTrack;
  readonly audio: MediaStreamTrack | undefined;
  stop(): void;
}

/** Text and slides need no more pictures than this, and each of them is large. */
const maxFrameRate = 15;

/**
 * Lets the user choose what to share. Undefined when they chose nothing or
 * the browser does not allow it. `ended` is called when they stop sharing by
 * the browser's own button.
 */
export async function shareScreen(ended: () => void): Promise<SharedScreen | undefined> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { max: maxFrameRate } },
      audio: true,
    });
  } catch {
    return undefined;
  }
  const [video] = stream.getVideoTracks();
  const [audio] = stream.getAudioTracks();
  if (video === undefined) {
    return undefined;
  }
  video.contentHint = "detail";
  if (audio !== undefined) {
    audio.contentHint = "music";
  }
  video.addEventListener("ended", ended);
  const stop = (): void => {
    video.removeEventListener("ended", ended);
    video.stop();
    audio?.stop();
  };
  return { video, audio, stop };
}
