import type { OutStream } from "./bridge.d.ts";
import type { CallMeters } from "./call-meters.ts";
import { type AllCounts, MediaClient } from "./media-client.ts";
import { MediaPlane, type PlaneEvents } from "./media-plane.ts";
import type { SlotId } from "./media-worker/messages.ts";
import type { OwnMedia } from "./own-media.ts";
import { revealed } from "./peer/reveal.ts";
import type { SessionClient } from "./session-client.ts";
import type { PageOutput } from "./session-worker/messages.ts";
import type { MeetingView } from "./state/meeting-view.ts";
import { TamperWatch } from "./state/tamper-watch.ts";
import type { Codec } from "./types.ts";

/** What the meeting says about media. */
export type MediaOutput = Extract<
  PageOutput,
  { readonly kind: "streams" | "streamStates" | "published" | "publishFailed" | "subscribeOffer" | "slots" }
>;

/** What a seat tells the call. */
export interface SeatEvents {
  /** Frames of a member were changed or repeated on the way, or, without one, were about to go past the worker. */
  tampered(index: number | undefined): void;
  /** Media cannot go on on this seat. */
  lost(): void;
  /** This browser does not seal what it sends. */
  unsafe(): void;
  /** The media worker did not start. */
  failed(error: unknown): void;
}

/** The parts of a call that a seat works with. */
export interface SeatParts {
  readonly session: SessionClient;
  readonly view: MeetingView;
  readonly own: OwnMedia;
  readonly meters: CallMeters;
}

/**
 * One stay in a meeting: a media worker, two peer connections, and what they
 * carry. A new seat begins with nothing of the last.
 */
export class Seat {
  readonly #parts: SeatParts;
  readonly #events: SeatEvents;
  readonly #ended = new AbortController();
  readonly #tamper = new TamperWatch();
  readonly #stay: number;
  #plane: MediaPlane | undefined;
  /** What concerns the plane is done once it is there, in order. */
  #turn: Promise<void>;
  #sentView = "";

  constructor(parts: SeatParts, iceServers: readonly RTCIceServer[], codec: Codec, events: SeatEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#stay = parts.session.stay;
    parts.session.listenForBrokenKeys(() => events.lost());
    this.#turn = this.#open(iceServers, codec);
  }

  /** Takes what the meeting says about media. */
  take(output: MediaOutput): void {
    const { view, meters } = this.#parts;
    switch (output.kind) {
      case "streams":
        this.#streams(output.streams);
        return;
      case "streamStates":
        view.setStates(output.states);
        meters.refresh();
        return;
      case "published":
        this.#withPlane((plane) => plane.published(output.sdp));
        return;
      case "publishFailed":
        this.#withPlane((plane) => plane.publishFailed());
        return;
      case "subscribeOffer":
        this.#withPlane((plane) => plane.offered(output));
        return;
      case "slots":
        this.#withPlane((plane) => plane.setSlots(output.slots));
        return;
      default:
        output satisfies never;
    }
  }

  /** Tells the server what is on the screen, if that has changed. */
  sendView(): void {
    const items = this.#parts.view.viewItems();
    const text = JSON.stringify(items);
    if (this.#plane !== undefined && text !== this.#sentView) {
      this.#sentView = text;
      this.#parts.session.post({ kind: "view", items });
    }
  }

  /** The connection to the server is back: everything that may have been lost is said again. */
  reconnected(): void {
    this.#withPlane((plane) => plane.reconnected());
    this.#sentView = "";
    this.sendView();
  }

  /** The network has changed. */
  hurry(): void {
    this.#plane?.reconnected();
  }

  dispose(): void {
    const { session, own, meters, view } = this.#parts;
    this.#ended.abort();
    session.listenForBrokenKeys(undefined);
    session.post({ kind: "media-gone", stay: this.#stay });
    own.detach();
    meters.watch(undefined);
    view.setIncoming([], Date.now());
    this.#plane?.dispose();
    this.#plane = undefined;
  }

  async #open(iceServers: readonly RTCIceServer[], codec: Codec): Promise<void> {
    const { session, own, meters } = this.#parts;
    try {
      const { media, keys } = await MediaClient.start({
        counts: (counts) => this.#count(counts),
        first: (slot, assignment, rtpTimestamp) => this.#opened(slot, assignment, rtpTimestamp),
        crashed: () => this.#events.lost(),
      });
      if (this.#ended.signal.aborted) {
        media.dispose();
        return;
      }
      session.post({ kind: "keys-to", stay: this.#stay, port: keys }, [keys]);
      this.#plane = new MediaPlane(media, iceServers, codec, this.#planeEvents());
      own.attach(this.#plane);
      meters.watch(this.#plane);
      this.sendView();
    } catch (error) {
      this.#events.failed(error);
    }
  }

  #planeEvents(): PlaneEvents {
    const { session, view, meters } = this.#parts;
    const { lost, unsafe, tampered } = this.#events;
    return {
      publish: (sdp, streams) => session.post({ kind: "publish", sdp, streams }),
      answer: (generation, sdp) => session.post({ kind: "answer", generation, sdp }),
      restartSubscribe: () => session.post({ kind: "restart-subscribe" }),
      changed: () => {
        view.setIncoming(this.#plane?.incoming() ?? [], Date.now());
        meters.refresh();
      },
      breached: () => tampered(undefined),
      lost,
      unsafe,
    };
  }

  #count(counts: AllCounts): void {
    const { view, meters } = this.#parts;
    const now = Date.now();
    view.setCounts(counts, now);
    for (const slot of this.#tamper.update(counts, now)) {
      const incoming = view.incomingOn(slot);
      if (incoming !== undefined) {
        this.#events.tampered(incoming.index);
      }
    }
    meters.refresh();
  }

  #streams(streams: readonly OutStream[]): void {
    this.#parts.view.setStreams(streams);
    this.#withPlane((plane) => plane.setStreams(streams));
    this.sendView();
    this.#parts.meters.refresh();
  }

  #withPlane(act: (plane: MediaPlane) => void): void {
    this.#turn = this.#turn.then(() => {
      try {
        if (this.#plane !== undefined) {
          act(this.#plane);
        }
      } catch {
        // What comes after it would build on what is not there.
        this.#events.lost();
      }
    });
  }

  /** The first frame of somebody on a slot has opened: its picture may be shown as soon as it is drawn. */
  #opened(slot: SlotId, assignment: number, rtpTimestamp: number | undefined): void {
    const { view, meters } = this.#parts;
    const incoming = view.opened(slot, assignment, Date.now());
    if (incoming === undefined) {
      return;
    }
    const reveal = (): void => {
      view.reveal(slot, assignment);
      meters.refresh();
    };
    if (incoming.reused && incoming.track.kind === "video") {
      void revealed(incoming.track, rtpTimestamp, this.#ended.signal).then(reveal);
    } else {
      reveal();
    }
  }
}
