import type { CallState } from "../types.ts";

/** The state before anything has happened. */
export function initialState(linkUrl: string): CallState {
  return {
    phase: { kind: "idle" },
    epoch: 0,
    epochSince: 0,
    members: [],
    joining: 0,
    tiles: [],
    chat: [],
    devices: {
      microphones: [],
      cameras: [],
      speakers: [],
      microphone: undefined,
      camera: undefined,
      speaker: undefined,
      problem: undefined,
    },
    // Both are wanted until the user says otherwise.
    micOn: true,
    cameraOn: true,
    sharing: false,
    handRaised: false,
    micLevel: 0,
    quality: "good",
    shield: "unverified",
    alarms: [],
    counters: { framesSealed: 0, framesOpened: 0, decryptErrors: 0, replaysRefused: 0, framesHeld: 0 },
    linkUrl,
    limit: 0,
  };
}
