/**
 * An RTCEncodedVideoFrame or RTCEncodedAudioFrame, as far as it is used here
 * (WebRTC Encoded Transform, section 4). A frame of audio has no type.
 */
export interface EncodedFrame {
  data: ArrayBuffer;
  readonly type?: "key" | "delta" | "empty";
  getMetadata(): FrameMetadata;
}

/**
 * What the browser says of a frame. On a sender it comes from the encoder; on
 * a receiver the forwarding server made it, so it proves nothing there.
 */
export interface FrameMetadata {
  readonly mimeType?: string;
  readonly payloadType?: number;
  readonly spatialIndex?: number;
  readonly temporalIndex?: number;
  readonly frameId?: number;
  readonly rtpTimestamp?: number;
}
