/**
 * The picture asked of a camera. It is never smaller than 960x540, because
 * browsers make three spatial layers only of pictures of at least that size;
 * what it costs must fit the machine.
 */
export function cameraConstraints(deviceId: string | undefined, cores: number): MediaTrackConstraints {
  const [width, height, frameRate] =
    cores <= 2 ? [960, 540, 20] : cores <= 4 ? [960, 540, 30] : [1280, 720, 30];
  return {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: frameRate, max: 30 },
    ...(deviceId !== undefined && { deviceId: { exact: deviceId } }),
  };
}

/** A voice, cleaned by the browser. */
export function microphoneConstraints(deviceId: string | undefined): MediaTrackConstraints {
  return {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(deviceId !== undefined && { deviceId: { exact: deviceId } }),
  };
}
