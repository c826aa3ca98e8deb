/** A track with nothing in it, on which a sender begins until its gate is open. */
export interface Dummy {
  readonly track: MediaStreamTrack;
  stop(): void;
}

// As small as a picture with three spatial layers can be, and as slow as the gate can stand.
const width = 320;
const height = 180;
const pictureMs = 66;

/** Makes a black picture or silence. */
export function makeDummy(kind: "audio" | "video"): Dummy {
  return kind === "audio" ? silence() : black();
}

function black(): Dummy {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  const [track] = canvas.captureStream(1000 / pictureMs).getVideoTracks();
  if (context === null || track === undefined) {
    throw new Error("peer: no canvas to make a picture with");
  }
  // A canvas that is not painted on gives no pictures.
  const paint = (): void => context.fillRect(0, 0, width, height);
  paint();
  const timer = setInterval(paint, pictureMs);
  return {
    track,
    stop: () => {
      clearInterval(timer);
      track.stop();
    },
  };
}

function silence(): Dummy {
  const context = new AudioContext();
  const destination = context.createMediaStreamDestination();
  // Something must be connected, or some browsers make no frames.
  const source = new ConstantSourceNode(context, { offset: 0 });
  source.connect(destination);
  source.start();
  const [track] = destination.stream.getAudioTracks();
  if (track === undefined) {
    throw new Error("peer: no track of silence");
  }
  void context.resume();
  return {
    track,
    stop: () => {
      track.stop();
      void context.close();
    },
  };
}
