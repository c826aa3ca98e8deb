type Kind = "video" | "audio";

const tracksOf = (media: MediaStream, kind: Kind): MediaStreamTrack[] =>
  kind === "video" ? media.getVideoTracks() : media.getAudioTracks();

/**
 * Gives a media element the tracks of one kind of a stream. The element is left
 * alone as long as the tracks are the same, so that a picture does not flicker
 * when something else about its tile changes. The result says whether it plays.
 */
export async function showTracks(
  element: HTMLMediaElement,
  media: MediaStream | undefined,
  kind: Kind,
): Promise<"playing" | "blocked"> {
  const wanted = media ? tracksOf(media, kind) : [];
  const shown = element.srcObject instanceof MediaStream ? element.srcObject.getTracks() : [];
  const same = wanted.length === shown.length && wanted.every((track, i) => track === shown[i]);
  if (!same) element.srcObject = wanted.length > 0 ? new MediaStream(wanted) : null;
  if (wanted.length === 0 || (same && !element.paused)) return "playing";
  try {
    await element.play();
    return "playing";
  } catch (error) {
    // Everything else (a new source came before the old one played) settles itself.
    return error instanceof DOMException && error.name === "NotAllowedError" ? "blocked" : "playing";
  }
}
