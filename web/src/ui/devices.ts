import type { Devices } from "../engine/types.ts";
import { t } from "../words/words.svelte.ts";

export type DeviceKind = "microphone" | "camera" | "speaker";

export interface DeviceChoice {
  readonly id: string;
  readonly label: string;
}

const lists = { microphone: "microphones", camera: "cameras", speaker: "speakers" } as const;
const numbered = { microphone: "pre.mic.n", camera: "pre.camera.n", speaker: "pre.speaker.n" } as const;

/** The devices of a kind with names; browsers hide the names until a permission is given. */
export function choicesOf(devices: Devices, kind: DeviceKind): DeviceChoice[] {
  return devices[lists[kind]].map((device, i) => ({
    id: device.deviceId,
    label: device.label === "" ? t(numbered[kind], { count: i + 1 }) : device.label,
  }));
}

/** The device in use; without a choice it is the first. */
export function chosenOf(devices: Devices, kind: DeviceKind): string | undefined {
  return devices[kind] ?? devices[lists[kind]][0]?.deviceId;
}
