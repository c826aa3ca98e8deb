import type { OutSlot, OutStream, PublishedStream, StreamKind } from "./bridge.d.ts";
import type { MediaClient } from "./media-client.ts";
import { Publisher } from "./peer/publisher.ts";
import { type Incoming, Subscriber } from "./peer/subscriber.ts";
import type { Codec } from "./types.ts";

// The gates are looked at often until they open, then to see that they hold.
const closedGateMs = 200;
const openGateMs = 1000;
/** A broken sending connection is made anew after this, doubled each time. */
const rebuildMs = 500;
const maxRebuilds = 5;
/** So often may frames pass the worker before this browser counts as unable to seal. */
const maxBreaches = 3;

/** What the media plane asks of the call. */
export interface PlaneEvents {
  publish(sdp: string, streams: readonly PublishedStream[]): void;
  answer(generation: number, sdp: string): void;
  restartSubscribe(): void;
  /** What arrives has changed. */
  changed(): void;
  /** Frames were about to go past the worker; that connection was closed at once. */
  breached(): void;
  /** Nothing helps but to join anew. */
  lost(): void;
  /** This browser does not seal what it sends, time and again. */
  unsafe(): void;
}

let connections = 0;

/** Both peer connections of one seat and the media worker behind them. */
export class MediaPlane {
  readonly #media: MediaClient;
  readonly #iceServers: readonly RTCIceServer[];
  readonly #events: PlaneEvents;
  readonly #tracks = new Map<StreamKind, { track: MediaStreamTrack | undefined; muted: boolean }>();
  readonly #subscriber: Subscriber;
  #publisher: Publisher;
  #rebuilds = 0;
  #breaches = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(media: MediaClient, iceServers: readonly RTCIceServer[], codec: Codec, events: PlaneEvents) {
    this.#media = media;
    this.#iceServers = iceServers;
    this.#events = events;
    this.#publisher = this.#newPublisher(codec);
    this.#subscriber = new Subscriber(
      { iceServers, media, connection: ++connections },
      {
        answer: (generation, sdp) => events.answer(generation, sdp),
        restart: () => events.restartSubscribe(),
        rebuild: () => events.lost(),
        changed: () => events.changed(),
        breached: () => {
          events.breached();
          events.lost();
        },
      },
    );
    // Both m-lines are there from the beginning, so that turning a device on needs no new one.
    this.#publisher.open("microphone", "camera");
    this.#watch();
  }

  get publishing(): RTCPeerConnection {
    return this.#publisher.pc;
  }

  get subscribing(): RTCPeerConnection {
    return this.#subscriber.pc;
  }

  /** Whether both connections stand, or have not been lost yet. */
  get well(): boolean {
    return this.#publisher.well && this.#subscriber.well;
  }

  incoming(): Incoming[] {
    return this.#subscriber.incoming();
  }

  /** Sends a track as the stream of this kind, or nothing. */
  show(kind: StreamKind, track: MediaStreamTrack | undefined): void {
    const muted = this.#tracks.get(kind)?.muted ?? false;
    this.#tracks.set(kind, { track, muted });
    void this.#publisher.show(kind, track);
  }

  /** Says whether a stream that stays is muted. */
  setMuted(kind: StreamKind, muted: boolean): void {
    const track = this.#tracks.get(kind)?.track;
    this.#tracks.set(kind, { track, muted });
    this.#publisher.setMuted(kind, muted);
  }

  published(sdp: string): void {
    void this.#publisher.answered(sdp);
  }

  publishFailed(): void {
    this.#publisher.refused();
  }

  offered(offer: {
    readonly generation: number;
    readonly sdp: string;
    readonly slots: readonly OutSlot[];
  }): void {
    void this.#subscriber.offered(offer);
  }

  setSlots(slots: readonly OutSlot[]): void {
    this.#subscriber.setSlots(slots);
  }

  setStreams(streams: readonly OutStream[]): void {
    this.#subscriber.setStreams(streams);
  }

  /** The connection to the server is back, or the network has changed. */
  reconnected(): void {
    this.#publisher.reconnected();
    this.#subscriber.reconnected();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#publisher.close();
    this.#subscriber.close();
    this.#media.dispose();
  }

  #newPublisher(codec: Codec): Publisher {
    return new Publisher(
      { iceServers: this.#iceServers, codec, media: this.#media, connection: ++connections },
      {
        publish: (sdp, streams) => this.#events.publish(sdp, streams),
        rebuild: (next) => this.#rebuild(next),
        breached: () => {
          this.#events.breached();
          this.#breaches++;
          if (this.#breaches === maxBreaches) {
            this.#events.unsafe();
          } else {
            this.#rebuild(codec);
          }
        },
      },
    );
  }

  /** Makes the sending connection anew, gates closed, and sends on it what was sent before. */
  #rebuild(codec: Codec): void {
    this.#publisher.close();
    if (this.#disposed) {
      return;
    }
    if (this.#rebuilds === maxRebuilds) {
      this.#events.lost();
      return;
    }
    setTimeout(
      () => {
        if (this.#disposed) {
          return;
        }
        this.#publisher = this.#newPublisher(codec);
        this.#publisher.open("microphone", "camera");
        for (const [kind, { track, muted }] of this.#tracks) {
          void this.#publisher.show(kind, track);
          this.#publisher.setMuted(kind, muted);
        }
      },
      rebuildMs * 2 ** this.#rebuilds++,
    );
  }

  /** Looks at the gates of both directions, again and again. */
  #watch(): void {
    this.#timer = setTimeout(
      () => {
        void this.#look().finally(() => {
          if (!this.#disposed) {
            this.#watch();
          }
        });
      },
      this.#publisher.settled ? openGateMs : closedGateMs,
    );
  }

  async #look(): Promise<void> {
    try {
      await this.#publisher.check();
      await this.#subscriber.check();
    } catch {
      // A connection was closed while it was asked; the next round asks its successor.
    }
  }
}
