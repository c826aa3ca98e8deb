import type { OutSlot, OutStream } from "../bridge.d.ts";
import type { AllCounts, MediaClient } from "../media-client.ts";
import { type SlotId, slotId } from "../media-worker/messages.ts";
import { newPeerConnection, setJitterTarget } from "./browser.ts";
import { midsWithDescriptor } from "./descriptor.ts";
import { decodedBy } from "./gate.ts";
import { type Assignment, SlotTable } from "./slot-table.ts";
import { Restarter } from "./restarter.ts";

/** Evens out the arrival of packets on an ordinary connection without being heard as a delay. */
const jitterTargetMs = 60;

/** What a subscriber asks of its owner. */
export interface SubscriberEvents {
  /** Sends the answer to the server's offer of this generation. */
  answer(generation: number, sdp: string): void;
  /** Asks the server for an offer with new ICE credentials. */
  restart(): void;
  /** The connection cannot be saved: make a new subscriber. */
  rebuild(): void;
  /** What the m-lines carry has changed. */
  changed(): void;
  /** Pictures were decoded that the worker has not opened. The connection is closed already. */
  breached(): void;
}

/** What a subscriber is made from. */
export interface SubscriberOptions {
  readonly iceServers: readonly RTCIceServer[];
  readonly media: MediaClient;
  /** Names this connection's slots in the media worker; never the same twice. */
  readonly connection: number;
}

interface Offer {
  readonly generation: number;
  readonly sdp: string;
  readonly slots: readonly OutSlot[];
}

/** A stream that arrives on an m-line now. */
export interface Incoming extends Assignment {
  readonly slot: SlotId;
  readonly track: MediaStreamTrack;
}

/** The peer connection that receives. The server makes the offers. */
export class Subscriber {
  readonly #pc: RTCPeerConnection;
  readonly #options: SubscriberOptions;
  readonly #events: SubscriberEvents;
  readonly #restarter: Restarter;
  /** By m-line, as the first transceiver had it. */
  readonly #receivers = new Map<string, RTCRtpReceiver>();
  readonly #attached = new WeakSet<RTCRtpReceiver>();
  readonly #table: SlotTable;
  /** What the server says is done in order. No step of it rejects. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SubscriberOptions, events: SubscriberEvents) {
    this.#options = options;
    this.#events = events;
    this.#pc = newPeerConnection(options.iceServers);
    this.#pc.ontrack = ({ transceiver }) => this.#attach(transceiver);
    const { media } = options;
    this.#table = new SlotTable({
      expect: (mid, expectation) => media.expect(this.#slot(mid), expectation),
      idle: (mid) => media.idle(this.#slot(mid)),
    });
    this.#restarter = new Restarter(this.#pc, {
      restart: () => events.restart(),
      rebuild: () => events.rebuild(),
    });
  }

  get pc(): RTCPeerConnection {
    return this.#pc;
  }

  get well(): boolean {
    return this.#restarter.well;
  }

  /** What arrives now. */
  incoming(): Incoming[] {
    const all: Incoming[] = [];
    for (const assignment of this.#table.assignments()) {
      const receiver = this.#receivers.get(assignment.mid);
      if (receiver !== undefined) {
        all.push({ ...assignment, slot: this.#slot(assignment.mid), track: receiver.track });
      }
    }
    return all;
  }

  /** Answers an offer of the server, after those before it. */
  offered(offer: Offer): Promise<void> {
    return this.#then(() => this.#answer(offer));
  }

  /** The server says what each m-line carries now. */
  setSlots(slots: readonly OutSlot[]): void {
    void this.#then(() => this.#update(() => this.#table.setSlots(slots)));
  }

  /** The streams of the meeting, and who must have sealed each. */
  setStreams(streams: readonly OutStream[]): void {
    void this.#then(() => this.#update(() => this.#table.setStreams(streams)));
  }

  /** The connection to the server is back. */
  reconnected(): void {
    this.#restarter.hurry();
  }

  /** Compares what was decoded with what the worker opened; closes everything on a mismatch. */
  async check(): Promise<void> {
    const decoded = decodedBy((await this.#pc.getStats()).values());
    // Only now: the worker's counts must not be older than the connection's.
    const counts: AllCounts = await this.#options.media.counts();
    if (this.#closed) {
      return;
    }
    for (const [mid, pictures] of decoded) {
      if (pictures > this.#passed(counts, mid)) {
        this.close();
        this.#events.breached();
        return;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#restarter.dispose();
    this.#pc.ontrack = null;
    this.#pc.close();
  }

  /** What the worker handed to the decoder of an m-line, or to all of them. */
  #passed(counts: AllCounts, mid: string | undefined): number {
    const mids = mid === undefined ? [...this.#receivers.keys()] : [mid];
    return mids.reduce((sum, one) => sum + (counts.get(this.#slot(one))?.passed ?? 0), 0);
  }

  /** Does one step after those before it. A step that fails ends the connection: those after it build on it. */
  #then(step: () => void | Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      try {
        await step();
      } catch {
        this.#break();
      }
    });
    return this.#turn;
  }

  async #answer({ generation, sdp, slots }: Offer): Promise<void> {
    if (this.#closed) {
      return;
    }
    await this.#pc.setRemoteDescription({ type: "offer", sdp });
    // In the same task, for those that no track event has told of.
    for (const transceiver of this.#pc.getTransceivers()) {
      this.#attach(transceiver);
    }
    if (this.#closed) {
      return;
    }
    await this.#pc.setLocalDescription(await this.#pc.createAnswer());
    const answer = this.#pc.localDescription?.sdp ?? "";
    this.#update(() => {
      this.#table.setDescriptors(midsWithDescriptor(answer));
      this.#table.setSlots(slots);
    });
    this.#events.answer(generation, answer);
  }

  /**
   * Sets the transform of a new receiver, before anything else can happen. An
   * m-line has one receiver for its life: two would share a slot of the worker,
   * so that the frames of the one could be taken for those of the other.
   */
  #attach({ mid, receiver }: RTCRtpTransceiver): void {
    if (this.#closed || mid === null || this.#attached.has(receiver)) {
      return;
    }
    if (this.#receivers.has(mid)) {
      this.#break();
      return;
    }
    receiver.transform = this.#options.media.transform({ kind: "receive", slot: this.#slot(mid) });
    this.#attached.add(receiver);
    this.#receivers.set(mid, receiver);
    setJitterTarget(receiver, jitterTargetMs);
  }

  /** Ends the connection at once, so that nothing passes any more, and asks for another. */
  #break(): void {
    if (!this.#closed) {
      this.close();
      this.#events.rebuild();
    }
  }

  #update(act: () => void): void {
    if (!this.#closed) {
      act();
      this.#events.changed();
    }
  }

  #slot(mid: string): SlotId {
    return slotId("receive", this.#options.connection, mid);
  }
}
