import type { StreamKind } from "../bridge.d.ts";
import type { Codec } from "../types.ts";

/** A codec of getCapabilities, as far as it matters for the choice. */
export interface CodecCapability {
  readonly mimeType: string;
  readonly sdpFmtpLine?: string;
}

/** RTCRtpEncodingParameters with the scalability mode (WebRTC SVC, section 5). */
export interface Encoding extends RTCRtpEncodingParameters {
  readonly scalabilityMode?: string;
}

// Bit rates: what a picture of 1280x720 with camera noise, and a page of text, need to look right.
const cameraBitrate = 1_500_000;
const screenBitrate = 2_000_000;

/** The simulcast encodings of a camera where the codec has no spatial layers. */
const simulcast: readonly Encoding[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: "L1T3" },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 400_000, scalabilityMode: "L1T3" },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_000_000, scalabilityMode: "L1T3" },
];

/** The codec that is sent: the wanted one, or VP8 where the browser cannot send that. */
export function sendableCodec(wanted: Codec, capabilities: readonly CodecCapability[]): Codec {
  return choose(wanted, capabilities).length > 0 ? wanted : "VP8";
}

/**
 * The capabilities to prefer: the codec first, then the others that a sender may
 * change to while it runs, and retransmissions. Empty when the browser does not
 * have the codec.
 */
export function preferences<T extends CodecCapability>(
  codec: Codec | "opus",
  capabilities: readonly T[],
): T[] {
  const chosen = choose(codec, capabilities);
  if (chosen.length === 0) {
    return [];
  }
  const others = codec === "opus" ? [] : changeable.filter((other) => other !== codec);
  return [
    ...chosen,
    ...others.flatMap((other) => choose(other, capabilities)),
    ...capabilities.filter(({ mimeType }) => /\/rtx$/i.test(mimeType)),
  ];
}

/** The codecs whose frames every transform can wrap and every receiver with them unwrap. */
const changeable: readonly Codec[] = ["VP9", "AV1", "VP8"];

/** How a stream is encoded; layered says whether the browser makes layers at all. */
export function encodings(kind: StreamKind, codec: Codec, layered: boolean): Encoding[] {
  switch (kind) {
    case "microphone":
      return [{ maxBitrate: 40_000 }];
    case "screen-audio":
      return [{ maxBitrate: 96_000 }];
    case "screen":
      // Text must stay whole: fewer pictures rather than fewer pixels.
      return [{ maxBitrate: screenBitrate, ...(layered && { scalabilityMode: "L1T3" }) }];
    case "camera":
      return cameraEncodings(codec, layered);
    default:
      return kind satisfies never;
  }
}

function cameraEncodings(codec: Codec, layered: boolean): Encoding[] {
  if (!layered) {
    return [{ maxBitrate: cameraBitrate }];
  }
  if (codec === "VP9" || codec === "AV1") {
    return [{ maxBitrate: cameraBitrate, scalabilityMode: "L3T3_KEY" }];
  }
  return simulcast.map((encoding) => ({ ...encoding }));
}

/** The forms of a codec that the forwarding server takes: VP9 profile 0, H264 constrained baseline in mode 1. */
function choose<T extends CodecCapability>(codec: Codec | "opus", capabilities: readonly T[]): T[] {
  const type = `${codec === "opus" ? "audio" : "video"}/${codec}`.toLowerCase();
  const found = capabilities.filter(({ mimeType, sdpFmtpLine = "" }) => {
    if (mimeType.toLowerCase() !== type) {
      return false;
    }
    if (codec === "VP9") {
      return !/profile-id=[1-9]/.test(sdpFmtpLine);
    }
    return (
      codec !== "H264" ||
      (/packetization-mode=1/.test(sdpFmtpLine) && /profile-level-id=42e0/i.test(sdpFmtpLine))
    );
  });
  return found.slice(0, 1);
}
