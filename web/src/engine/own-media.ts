import type { OwnState } from "./bridge.d.ts";
import { LocalDevices } from "./devices/devices.ts";
import type { Wanted } from "./devices/problem.ts";
import { type SharedScreen, shareScreen } from "./devices/screen.ts";
import type { MediaPlane } from "./media-plane.ts";
import type { Devices } from "./types.ts";

/** What is told of this device's own part in a call. */
export interface OwnEvents {
  /** Something to show has changed. */
  changed(): void;
  /** The others are to be told. */
  state(own: OwnState): void;
}

/**
 * Camera, microphone, screen and hand of this device: what the user wants,
 * what there is, and what is sent of it. Lives from the page before the call
 * to its end, over any number of peer connections.
 */
export class OwnMedia {
  readonly #events: OwnEvents;
  readonly #devices: LocalDevices;
  #plane: MediaPlane | undefined;
  #screen: SharedScreen | undefined;
  #self: MediaStream | undefined;
  #wantsMic = true;
  #wantsCamera = true;
  #hand = false;
  #told = "";

  constructor(events: OwnEvents) {
    this.#events = events;
    this.#devices = new LocalDevices({
      changed: () => this.#changed(),
      track: (wanted, track) => this.#took(wanted, track),
    });
  }

  get micOn(): boolean {
    return this.#wantsMic && this.microphone !== undefined;
  }

  get cameraOn(): boolean {
    return this.#wantsCamera && this.#devices.track("camera") !== undefined;
  }

  /** What a switch is to show: on from the wish on, while the device is being opened, until it cannot be. */
  get micSwitch(): boolean {
    return this.#wantsMic && !this.#devices.failed("microphone");
  }

  get cameraSwitch(): boolean {
    return this.#wantsCamera && !this.#devices.failed("camera");
  }

  get sharing(): boolean {
    return this.#screen !== undefined;
  }

  get handRaised(): boolean {
    return this.#hand;
  }

  /** Whether a camera was looked for in vain. */
  get cameraMissing(): boolean {
    return this.#devices.failed("camera");
  }

  get microphone(): MediaStreamTrack | undefined {
    return this.#devices.track("microphone");
  }

  /** The own picture. */
  get self(): MediaStream | undefined {
    return this.#self;
  }

  devices(): Devices {
    return this.#devices.state();
  }

  /** Opens what is wanted; what cannot be opened is told by `devices().problem`. */
  async open(): Promise<void> {
    const wanted: Wanted[] = [];
    if (this.#wantsCamera) {
      wanted.push("camera");
    }
    if (this.#wantsMic) {
      wanted.push("microphone");
    }
    await this.#devices.open(...wanted);
  }

  use(kind: Wanted | "speaker", deviceId: string): Promise<void> {
    return this.#devices.use(kind, deviceId);
  }

  /** The track stays while it is off, so that speaking again begins at once; it is sent as silence, sealed. */
  async setMic(on: boolean): Promise<void> {
    this.#wantsMic = on;
    this.#listen();
    if (on) {
      await this.#devices.open("microphone");
    }
    this.#changed();
  }

  /** The track ends while it is off, so that the camera's lamp goes out. */
  async setCamera(on: boolean): Promise<void> {
    this.#wantsCamera = on;
    if (on) {
      await this.#devices.open("camera");
    } else {
      this.#devices.close("camera");
    }
    this.#changed();
  }

  async share(on: boolean): Promise<void> {
    if (!on || this.sharing) {
      this.#stopSharing();
      if (!on) {
        return;
      }
    }
    const screen = await shareScreen(() => this.#stopSharing());
    if (screen !== undefined) {
      this.#screen = screen;
      this.#plane?.show("screen", screen.video);
      this.#plane?.show("screen-audio", screen.audio);
      this.#changed();
    }
  }

  setHand(up: boolean): void {
    this.#hand = up;
    this.#changed();
  }

  /** Sends everything over a plane from now on. */
  attach(plane: MediaPlane): void {
    this.#plane = plane;
    plane.show("camera", this.#devices.track("camera"));
    plane.show("microphone", this.microphone);
    plane.show("screen", this.#screen?.video);
    plane.show("screen-audio", this.#screen?.audio);
    this.#listen();
    this.#told = "";
    this.#changed();
  }

  detach(): void {
    this.#plane = undefined;
  }

  /** Lets go of all devices; `open` takes them again. */
  release(): void {
    this.#stopSharing();
    this.#devices.close("camera");
    this.#devices.close("microphone");
  }

  dispose(): void {
    this.detach();
    this.#screen?.stop();
    this.#screen = undefined;
    this.#devices.dispose();
  }

  #took(wanted: Wanted, track: MediaStreamTrack | undefined): void {
    if (wanted === "camera") {
      this.#self = track === undefined ? undefined : new MediaStream([track]);
    }
    this.#plane?.show(wanted, track);
    this.#listen();
  }

  /** Makes the microphone's track say what the user wants it to. */
  #listen(): void {
    if (this.microphone !== undefined) {
      this.microphone.enabled = this.#wantsMic;
    }
    this.#plane?.setMuted("microphone", !this.micOn);
  }

  #stopSharing(): void {
    if (this.#screen !== undefined) {
      this.#screen.stop();
      this.#screen = undefined;
      this.#plane?.show("screen", undefined);
      this.#plane?.show("screen-audio", undefined);
      this.#changed();
    }
  }

  #changed(): void {
    this.#events.changed();
    const state = { mic: this.micOn, camera: this.cameraOn, screen: this.sharing, hand: this.#hand };
    const text = JSON.stringify(state);
    if (this.#plane !== undefined && text !== this.#told) {
      this.#told = text;
      this.#events.state(state);
    }
  }
}
