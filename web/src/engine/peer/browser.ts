/*
 * What browsers have and the TypeScript library does not describe, and what
 * only some of them have.
 */

/** RTCConfiguration with the option that makes Chromium hold frames until a transform is there. */
interface HeldConfiguration extends RTCConfiguration {
  readonly encodedInsertableStreams: true;
}

/**
 * Makes a peer connection that never lets a frame past a transform that is
 * set late. Without the option Chromium sends such frames in clear, with no
 * error; other browsers ignore it. No other place makes a peer connection.
 */
export function newPeerConnection(iceServers: readonly RTCIceServer[]): RTCPeerConnection {
  const configuration: HeldConfiguration = {
    iceServers: [...iceServers],
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
    encodedInsertableStreams: true,
  };
  return new RTCPeerConnection(configuration);
}

/** Reports whether this browser can seal frames in a worker. */
export function canSeal(): boolean {
  return (
    typeof RTCRtpScriptTransform === "function" &&
    typeof RTCRtpSender === "function" &&
    "transform" in RTCRtpSender.prototype &&
    "transform" in RTCRtpReceiver.prototype &&
    globalThis.isSecureContext
  );
}

/** The dependency descriptor: which layer a packet belongs to, for the forwarding server. */
export const dependencyDescriptor =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

interface HeaderExtension {
  readonly uri: string;
  direction: RTCRtpTransceiverDirection;
}

/** RTP header extension control (WebRTC Extensions, section 5), which Firefox does not have. */
interface ExtensionControl {
  getHeaderExtensionsToNegotiate(): HeaderExtension[];
  setHeaderExtensionsToNegotiate(extensions: readonly HeaderExtension[]): void;
}

function hasExtensionControl(transceiver: object): transceiver is ExtensionControl {
  return "setHeaderExtensionsToNegotiate" in transceiver;
}

/**
 * Reports whether this browser makes spatial layers. Those that let one
 * choose header extensions do; Firefox sends one layer.
 */
export function canLayer(): boolean {
  return hasExtensionControl(RTCRtpTransceiver.prototype);
}

/** Offers the dependency descriptor, where the browser can be told to. */
export function offerDescriptor(transceiver: RTCRtpTransceiver): void {
  if (!hasExtensionControl(transceiver)) {
    return;
  }
  const extensions = transceiver.getHeaderExtensionsToNegotiate();
  for (const extension of extensions) {
    if (extension.uri === dependencyDescriptor) {
      extension.direction = "sendrecv";
    }
  }
  transceiver.setHeaderExtensionsToNegotiate(extensions);
}

/** How long a receiver keeps frames back at least, to even out their arrival. */
export function setJitterTarget(receiver: RTCRtpReceiver, milliseconds: number): void {
  if ("jitterBufferTarget" in receiver) {
    (receiver as { jitterBufferTarget: number | null }).jitterBufferTarget = milliseconds;
  }
}
