import type { PublishedStream, StreamKind } from "../bridge.d.ts";
import type { AllCounts, MediaClient } from "../media-client.ts";
import type { Codec } from "../types.ts";
import { newPeerConnection } from "./browser.ts";
import { sendableCodec } from "./codecs.ts";
import { Outgoing } from "./outgoing.ts";
import { Restarter } from "./restarter.ts";

/** An answer that takes longer was lost with the connection: the offer is made again. */
const answerWithinMs = 10_000;

/** What a publisher asks of its owner. */
export interface PublisherEvents {
  /** Sends an offer to the server; the answer comes to `answered` or `refused`. */
  publish(sdp: string, streams: readonly PublishedStream[]): void;
  /** The connection cannot be saved: make a new publisher, with this codec. */
  rebuild(codec: Codec): void;
  /** Frames went past the worker. The connection is closed already. */
  breached(kind: StreamKind): void;
}

/** What a publisher is made from. */
export interface PublisherOptions {
  readonly iceServers: readonly RTCIceServer[];
  readonly codec: Codec;
  readonly media: MediaClient;
  /** Names this connection's slots in the media worker; never the same twice. */
  readonly connection: number;
}

/** The peer connection that sends. Offers are made here; m-lines are kept and used again. */
export class Publisher {
  readonly #pc: RTCPeerConnection;
  readonly #options: PublisherOptions;
  readonly #events: PublisherEvents;
  readonly #restarter: Restarter;
  readonly #codec: Codec;
  readonly #outgoing = new Map<StreamKind, Outgoing>();
  // An offer that waits for its answer, and whether another must follow.
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #again = false;
  #restartIce = false;
  #closed = false;

  constructor(options: PublisherOptions, events: PublisherEvents) {
    this.#options = options;
    this.#events = events;
    this.#pc = newPeerConnection(options.iceServers);
    const { codecs = [] } = RTCRtpSender.getCapabilities("video") ?? {};
    this.#codec = sendableCodec(options.codec, codecs);
    this.#restarter = new Restarter(this.#pc, {
      restart: () => {
        this.#restartIce = true;
        this.#negotiate();
      },
      rebuild: () => this.#events.rebuild(this.#codec),
    });
  }

  get pc(): RTCPeerConnection {
    return this.#pc;
  }

  get well(): boolean {
    return this.#restarter.well;
  }

  /** Whether all gates are open. */
  get settled(): boolean {
    return [...this.#outgoing.values()].every(({ gate }) => gate === "open");
  }

  /** Opens streams before they have tracks, so that their gates open early. */
  open(...kinds: readonly StreamKind[]): void {
    for (const kind of kinds) {
      this.#stream(kind);
    }
    this.#negotiate();
  }

  /** Sends track as the stream of this kind, or nothing. The caller keeps the track and stops it. */
  async show(kind: StreamKind, track: MediaStreamTrack | undefined): Promise<void> {
    if (this.#closed || (track === undefined && !this.#outgoing.has(kind))) {
      return;
    }
    const stream = this.#stream(kind);
    const wasActive = stream.active;
    const shown = stream.show(track);
    if (stream.mid === null || wasActive !== stream.active) {
      this.#negotiate();
    }
    await shown;
  }

  /** Says that a stream is muted or not, while its track stays. */
  setMuted(kind: StreamKind, muted: boolean): void {
    const stream = this.#outgoing.get(kind);
    if (stream !== undefined && stream.muted !== muted) {
      stream.muted = muted;
      this.#negotiate();
    }
  }

  /** Takes the server's answer to the last offer. */
  async answered(sdp: string): Promise<void> {
    if (this.#closed || this.#pc.signalingState !== "have-local-offer") {
      return;
    }
    this.#endWaiting();
    try {
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
    } catch {
      this.#events.rebuild(this.#codec);
      return;
    }
    if (
      this.#codec !== "VP8" &&
      this.#pc.getTransceivers().some(({ direction }) => direction === "stopped")
    ) {
      // The server does not take the codec, and VP8 is what everyone takes.
      this.#events.rebuild("VP8");
      return;
    }
    if (this.#again) {
      this.#negotiate();
    }
  }

  /** The server could not use the last offer. */
  refused(): void {
    this.#endWaiting();
    this.#events.rebuild(this.#codec);
  }

  /** The connection to the server is back: what was asked meanwhile is asked again. */
  reconnected(): void {
    this.#restarter.hurry();
    if (this.#waiting !== undefined || this.#again) {
      this.#endWaiting();
      this.#negotiate();
    }
  }

  /** Compares what left each sender with what the worker handed on; closes everything on a mismatch. */
  async check(): Promise<void> {
    const streams = [...this.#outgoing.values()];
    const sent = await Promise.all(streams.map((stream) => stream.sent()));
    // Only now: the worker's counts must not be older than the senders'.
    const counts: AllCounts = await this.#options.media.counts();
    if (this.#closed) {
      return;
    }
    for (const [i, stream] of streams.entries()) {
      if (stream.judge(sent[i] ?? 0, counts) === "breached") {
        this.close();
        this.#events.breached(stream.kind);
        return;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#endWaiting();
    this.#restarter.dispose();
    this.#pc.close();
    for (const stream of this.#outgoing.values()) {
      stream.stop();
    }
  }

  #stream(kind: StreamKind): Outgoing {
    let stream = this.#outgoing.get(kind);
    if (stream === undefined) {
      const { media, connection } = this.#options;
      stream = new Outgoing(this.#pc, media, connection, kind, this.#codec);
      this.#outgoing.set(kind, stream);
    }
    return stream;
  }

  /** Makes an offer, or another one after the answer to the last. */
  #negotiate(): void {
    if (this.#closed) {
      return;
    }
    this.#again = true;
    if (this.#waiting === undefined) {
      // One offer for everything that is asked for in one task.
      this.#waiting = setTimeout(() => void this.#offer(), 0);
    }
  }

  async #offer(): Promise<void> {
    this.#again = false;
    const iceRestart = this.#restartIce;
    this.#restartIce = false;
    try {
      const offer = await this.#pc.createOffer({ iceRestart });
      await this.#pc.setLocalDescription(offer);
    } catch {
      if (!this.#closed) {
        this.#events.rebuild(this.#codec);
      }
      return;
    }
    if (this.#closed) {
      return;
    }
    this.#waiting = setTimeout(() => void this.#offer(), answerWithinMs);
    this.#events.publish(this.#pc.localDescription?.sdp ?? "", this.#published());
  }

  #published(): PublishedStream[] {
    const streams: PublishedStream[] = [];
    for (const { mid, kind, active, muted } of this.#outgoing.values()) {
      if (mid !== null) {
        streams.push({ mid, kind, active: active && !muted });
      }
    }
    return streams;
  }

  #endWaiting(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }
}
