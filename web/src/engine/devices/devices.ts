import type { DeviceProblem, Devices } from "../types.ts";
import { cameraConstraints, microphoneConstraints } from "./constraints.ts";
import { problemOf, type Wanted, worst } from "./problem.ts";

/** What is told of the devices. */
export interface DeviceEvents {
  /** Lists, choices or problems have changed. */
  changed(): void;
  /** The track of a device has begun, changed or ended. */
  track(wanted: Wanted, track: MediaStreamTrack | undefined): void;
}

interface Device {
  readonly wanted: Wanted;
  chosen: string | undefined;
  track: MediaStreamTrack | undefined;
  problem: DeviceProblem | undefined;
  /** Counts openings, so that one that was overtaken can be told. */
  opening: number;
}

/** Camera, microphone and speaker of this device. Opening never rejects: see `state().problem`. */
export class LocalDevices {
  readonly #events: DeviceEvents;
  readonly #ended = new AbortController();
  readonly #camera: Device = fresh("camera");
  readonly #microphone: Device = fresh("microphone");
  #speaker: string | undefined;
  #all: readonly MediaDeviceInfo[] = [];

  constructor(events: DeviceEvents) {
    this.#events = events;
    const { signal } = this.#ended;
    // Undefined outside a secure context, whatever its type says.
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    devices?.addEventListener("devicechange", () => void this.#relist(), { signal });
  }

  /** What the interface shows. */
  state(): Devices {
    const ofKind = (kind: MediaDeviceKind): MediaDeviceInfo[] =>
      this.#all.filter((device) => device.kind === kind && device.deviceId !== "");
    return {
      microphones: ofKind("audioinput"),
      cameras: ofKind("videoinput"),
      speakers: ofKind("audiooutput"),
      microphone: idOf(this.#microphone),
      camera: idOf(this.#camera),
      speaker: this.#speaker,
      problem: worst([this.#camera.problem, this.#microphone.problem]),
    };
  }

  /** The track of an open device. */
  track(wanted: Wanted): MediaStreamTrack | undefined {
    return this.#device(wanted).track;
  }

  /** Whether the last try to open a device found none or was refused. */
  failed(wanted: Wanted): boolean {
    return this.#device(wanted).problem !== undefined && this.track(wanted) === undefined;
  }

  /** Opens devices; those that are open stay so. Both are asked for at once, so that people are asked once. */
  async open(...wanted: readonly Wanted[]): Promise<void> {
    const missing = wanted.filter((one) => this.track(one) === undefined);
    if (missing.length === 2 && (await this.#openBoth())) {
      await this.#relist();
      return;
    }
    for (const one of missing) {
      await this.#open(this.#device(one));
    }
    await this.#relist();
  }

  /** Ends a device's track; a camera's lamp goes out. */
  close(wanted: Wanted): void {
    const device = this.#device(wanted);
    device.opening++;
    this.#replace(device, undefined);
  }

  /** Chooses a device and, if one of its kind is open, changes over to it. */
  async use(kind: Wanted | "speaker", deviceId: string): Promise<void> {
    if (kind === "speaker") {
      this.#speaker = deviceId;
      this.#events.changed();
      return;
    }
    const device = this.#device(kind);
    const wasWanted = device.track !== undefined || device.problem !== undefined;
    device.chosen = deviceId;
    if (wasWanted) {
      await this.#open(device);
    }
    this.#events.changed();
  }

  dispose(): void {
    this.#ended.abort();
    for (const device of [this.#camera, this.#microphone]) {
      device.opening++;
      stop(device.track);
      device.track = undefined;
    }
  }

  async #openBoth(): Promise<boolean> {
    const [camera, microphone] = [this.#camera, this.#microphone];
    const turns = [++camera.opening, ++microphone.opening] as const;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: constraintsOf(camera),
        audio: constraintsOf(microphone),
      });
      this.#take(camera, turns[0], stream.getVideoTracks()[0]);
      this.#take(microphone, turns[1], stream.getAudioTracks()[0]);
      return true;
    } catch (error) {
      if (problemOf(error, "camera") !== "denied") {
        return false;
      }
      // Perhaps one of the two only. Whoever was just asked is not asked again.
      for (const device of [camera, microphone]) {
        if (await isGranted(device.wanted)) {
          await this.#open(device);
        } else {
          device.problem = "denied";
        }
      }
      return true;
    }
  }

  async #open(device: Device): Promise<void> {
    const turn = ++device.opening;
    try {
      const asked = constraintsOf(device);
      const stream = await navigator.mediaDevices.getUserMedia(
        device.wanted === "camera" ? { video: asked } : { audio: asked },
      );
      this.#take(device, turn, stream.getTracks()[0]);
    } catch (error) {
      if (turn !== device.opening) {
        return;
      }
      if (
        device.chosen !== undefined &&
        error instanceof DOMException &&
        error.name === "OverconstrainedError"
      ) {
        // The chosen one is gone: any other will do.
        device.chosen = undefined;
        await this.#open(device);
        device.problem ??= "device-gone";
        return;
      }
      device.problem = problemOf(error, device.wanted);
    }
    this.#events.changed();
  }

  /** Takes a track that has been opened, unless something else was asked for meanwhile. */
  #take(device: Device, turn: number, track: MediaStreamTrack | undefined): void {
    if (turn !== device.opening || this.#ended.signal.aborted) {
      stop(track);
      return;
    }
    device.problem = undefined;
    this.#replace(device, track);
  }

  #replace(device: Device, track: MediaStreamTrack | undefined): void {
    const before = device.track;
    device.track = track;
    if (track !== undefined) {
      track.contentHint = device.wanted === "camera" ? "motion" : "speech";
      track.addEventListener("ended", () => void this.#lost(device, track), { signal: this.#ended.signal });
    }
    this.#events.track(device.wanted, track);
    stop(before);
    this.#events.changed();
  }

  /** A device was unplugged while it was open: another one takes over, if there is one. */
  async #lost(device: Device, track: MediaStreamTrack): Promise<void> {
    if (device.track !== track) {
      return;
    }
    device.chosen = undefined;
    this.#replace(device, undefined);
    await this.#open(device);
    if (device.track !== undefined) {
      device.problem = "device-gone";
    }
    await this.#relist();
  }

  async #relist(): Promise<void> {
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    this.#all = (await devices?.enumerateDevices().catch(() => [])) ?? [];
    this.#events.changed();
  }

  #device(wanted: Wanted): Device {
    return wanted === "camera" ? this.#camera : this.#microphone;
  }
}

function fresh(wanted: Wanted): Device {
  return { wanted, chosen: undefined, track: undefined, problem: undefined, opening: 0 };
}

function constraintsOf({ wanted, chosen }: Device): MediaTrackConstraints {
  return wanted === "camera"
    ? cameraConstraints(chosen, navigator.hardwareConcurrency)
    : microphoneConstraints(chosen);
}

/** Reports whether the browser allows a device without asking; false where it does not say. */
async function isGranted(wanted: Wanted): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: wanted })).state === "granted";
  } catch {
    return false;
  }
}

function idOf({ track, chosen }: Device): string | undefined {
  return track?.getSettings().deviceId ?? chosen;
}

function stop(track: MediaStreamTrack | undefined): void {
  track?.stop();
}
