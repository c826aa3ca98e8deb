import type { DeviceProblem } from "../types.ts";

/** What was asked of getUserMedia. */
export type Wanted = "microphone" | "camera";

/**
 * What a rejection of getUserMedia means (Media Capture and Streams, section
 * 10.2). Undefined for what is not the device's fault.
 */
export function problemOf(error: unknown, wanted: Wanted): DeviceProblem | undefined {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return wanted === "camera" ? "no-camera" : "no-mic";
    case "NotReadableError":
    case "AbortError":
      return "device-busy";
    default:
      // TypeError: no media devices at all, as outside a secure context.
      return wanted === "camera" ? "no-camera" : "no-mic";
  }
}

const order: readonly DeviceProblem[] = ["denied", "device-busy", "device-gone", "no-mic", "no-camera"];

/** The one of several problems that is shown: what one can do something about comes first. */
export function worst(problems: readonly (DeviceProblem | undefined)[]): DeviceProblem | undefined {
  return order.find((problem) => problems.includes(problem));
}
