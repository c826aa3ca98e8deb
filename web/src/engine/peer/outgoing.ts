import type { StreamKind } from "../bridge.d.ts";
import type { AllCounts, MediaClient } from "../media-client.ts";
import { slotId } from "../media-worker/messages.ts";
import { type Context, contexts } from "../sframe/kid.ts";
import type { Codec } from "../types.ts";
import { canLayer, offerDescriptor } from "./browser.ts";
import { encodings, preferences } from "./codecs.ts";
import { type Dummy, makeDummy } from "./dummy.ts";
import { Gate, type GateState, sentBy } from "./gate.ts";

const contextOf: Readonly<Record<StreamKind, Context>> = {
  microphone: contexts.microphone,
  camera: contexts.camera,
  screen: contexts.screen,
  "screen-audio": contexts.screenAudio,
};

/**
 * One stream that this device sends: its transceiver, transform and gate. No
 * track comes onto the sender before it holds the transform, the real track
 * only once the gate is open, and the transform is never taken off.
 */
export class Outgoing {
  readonly kind: StreamKind;
  /** Whether the track is there but says nothing, so that the server need not send it on. */
  muted = false;
  readonly #transceiver: RTCRtpTransceiver;
  readonly #transform: RTCRtpScriptTransform;
  readonly #slot;
  readonly #unit: "frames" | "bytes";
  readonly #gate: Gate;
  #begun = false;
  #dummy: Dummy | undefined;
  #track: MediaStreamTrack | undefined;
  /** What is to be done on the sender, one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(pc: RTCPeerConnection, media: MediaClient, connection: number, kind: StreamKind, codec: Codec) {
    this.kind = kind;
    this.#slot = slotId("send", connection, kind);
    const sound = kind === "microphone" || kind === "screen-audio" ? "audio" : "video";
    this.#unit = sound === "audio" ? "bytes" : "frames";
    this.#gate = new Gate(this.#unit);
    const sendEncodings = encodings(kind, codec, canLayer());
    // Without a track: there is nothing to send before the transform is seen to hold.
    this.#transceiver = pc.addTransceiver(sound, { direction: "sendonly", sendEncodings });
    // In the same task: a frame made before would leave in clear.
    this.#transform = media.transform({ kind: "send", slot: this.#slot, context: contextOf[kind] });
    this.#transceiver.sender.transform = this.#transform;
    this.#begin();
    const { codecs = [] } = RTCRtpSender.getCapabilities(sound) ?? {};
    this.#transceiver.setCodecPreferences(preferences(sound === "audio" ? "opus" : codec, codecs));
    if (sound === "video") {
      offerDescriptor(this.#transceiver);
      void this.#prefer(kind === "screen" ? "maintain-resolution" : "balanced");
    }
  }

  /** The m-line; null before the first offer is set. */
  get mid(): string | null {
    return this.#transceiver.mid;
  }

  get gate(): GateState {
    return this.#gate.state;
  }

  /** Whether there is something to send. */
  get active(): boolean {
    return this.#track !== undefined;
  }

  /**
   * Sends track, as soon as the gate allows, or nothing. The caller keeps the
   * track and stops it. Resolves when the sender has it or must wait.
   */
  async show(track: MediaStreamTrack | undefined): Promise<void> {
    this.#track = track;
    await this.#apply();
  }

  /** What has left the sender. Ask before the worker is asked for its counts. */
  async sent(): Promise<number> {
    return sentBy((await this.#transceiver.sender.getStats()).values(), this.#unit);
  }

  /** Compares what has left with what the worker handed on. */
  judge(sent: number, counts: AllCounts): GateState {
    this.#begin();
    const slot = counts.get(this.#slot);
    const passed = (this.#unit === "frames" ? slot?.passed : slot?.passedBytes) ?? 0;
    const wasClosed = this.#gate.state === "closed";
    const state = this.#gate.check({ sent, passed });
    if (state === "open" && wasClosed) {
      void this.#apply();
    }
    return state;
  }

  /** Ends what this object made; the peer connection is closed by its owner. */
  stop(): void {
    this.#dummy?.stop();
    this.#dummy = undefined;
  }

  /**
   * Puts the dummy on the sender, once the sender itself says that it has the
   * transform. A sender that does not gets no track at all: Firefox would send
   * its frames in clear.
   */
  #begin(): void {
    if (this.#begun || this.#transceiver.sender.transform !== this.#transform) {
      return;
    }
    this.#begun = true;
    this.#dummy = makeDummy(this.#unit === "bytes" ? "audio" : "video");
    this.#put(this.#dummy.track);
  }

  #put(track: MediaStreamTrack): void {
    this.#turn = this.#turn.then(async () => {
      try {
        await this.#transceiver.sender.replaceTrack(track);
      } catch {
        // The peer connection was closed meanwhile; its successor begins anew.
      }
    });
  }

  #apply(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#gate.state !== "open") {
        return;
      }
      try {
        await this.#transceiver.sender.replaceTrack(this.#track ?? null);
        this.stop();
      } catch {
        // The peer connection was closed meanwhile; its successor begins anew.
      }
    });
    return this.#turn;
  }

  async #prefer(degradationPreference: "maintain-resolution" | "balanced"): Promise<void> {
    const parameters: RTCRtpSendParameters & { degradationPreference?: string } =
      this.#transceiver.sender.getParameters();
    parameters.degradationPreference = degradationPreference;
    try {
      await this.#transceiver.sender.setParameters(parameters);
    } catch {
      // A wish only; browsers that do not know it balance by themselves.
    }
  }
}
