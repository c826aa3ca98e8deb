import type { OutMember, OutRoster, OutStream, OutStreamState, ViewItem } from "../bridge.d.ts";
import type { SlotCounts, SlotId } from "../media-worker/messages.ts";
import type { Incoming } from "../peer/subscriber.ts";
import type { Counters, Member, MemberIndex, ShownTile, Tile } from "../types.ts";
import { PictureWatch } from "./picture-watch.ts";
import { type Picture, tilesOf, type TileSources } from "./tiles.ts";

/** What the browser gives: a stream of tracks. */
export type NewStream = (tracks: MediaStreamTrack[]) => MediaStream;

/** Who is in the meeting, what they send and how it arrives. */
export class MeetingView {
  readonly #newStream: NewStream;
  readonly #graceMs: () => number;
  // By member: until when a seat is kept whose connection was lost.
  readonly #seatUntil = new Map<number, number>();
  readonly #watches = new Map<SlotId, PictureWatch>();
  readonly #counts = new Map<SlotId, SlotCounts>();
  // By what is in them, so that one that is shown stays the same.
  readonly #media = new Map<
    string,
    { readonly tracks: readonly MediaStreamTrack[]; readonly stream: MediaStream }
  >();
  #members: readonly OutMember[] = [];
  #streams: readonly OutStream[] = [];
  #states: ReadonlyMap<number, OutStreamState> = new Map();
  #incoming: readonly Incoming[] = [];
  #shown: readonly ShownTile[] | undefined;

  constructor(newStream: NewStream, graceMs: () => number) {
    this.#newStream = newStream;
    this.#graceMs = graceMs;
  }

  setRoster({ members }: OutRoster, now: number): void {
    this.#members = members;
    for (const { index, away } of members) {
      if (!away) {
        this.#seatUntil.delete(index);
      } else if (!this.#seatUntil.has(index)) {
        this.#seatUntil.set(index, now + this.#graceMs());
      }
    }
  }

  setStreams(streams: readonly OutStream[]): void {
    this.#streams = streams;
  }

  setStates(states: readonly OutStreamState[]): void {
    this.#states = new Map(states.map((state) => [state.stream, state]));
  }

  setShown(shown: readonly ShownTile[]): void {
    this.#shown = shown;
  }

  /** Takes what arrives now, and begins to watch what is new. */
  setIncoming(incoming: readonly Incoming[], now: number): void {
    this.#incoming = incoming;
    const slots = new Set(incoming.map(({ slot }) => slot));
    for (const slot of this.#watches.keys()) {
      if (!slots.has(slot)) {
        this.#watches.delete(slot);
      }
    }
    for (const { slot, assignment } of incoming) {
      if (this.#watches.get(slot)?.assignment !== assignment) {
        this.#watches.set(slot, new PictureWatch(assignment, now));
      }
    }
  }

  /** Takes the figures of all slots. */
  setCounts(counts: ReadonlyMap<SlotId, SlotCounts>, now: number): void {
    for (const [slot, of] of counts) {
      this.#counts.set(slot, of);
      this.#watches.get(slot)?.update(of, now);
    }
  }

  /** The first frame of an assignment has opened: returns what arrives there, if it still does. */
  opened(slot: SlotId, assignment: number, now: number): Incoming | undefined {
    const found = this.#incoming.find(
      (incoming) => incoming.slot === slot && incoming.assignment === assignment,
    );
    if (found !== undefined) {
      this.#watches.get(slot)?.opened(now);
    }
    return found;
  }

  /** The pictures of an assignment may be seen. */
  reveal(slot: SlotId, assignment: number): void {
    const watch = this.#watches.get(slot);
    if (watch?.assignment === assignment) {
      watch.reveal();
    }
  }

  /** What arrives on a slot now. */
  incomingOn(slot: SlotId): Incoming | undefined {
    return this.#incoming.find((incoming) => incoming.slot === slot);
  }

  nameOf(index: number | undefined): string | undefined {
    return this.#members.find((member) => member.index === index)?.name;
  }

  members(isSpeaking: (index: number) => boolean): Member[] {
    return this.#members.map(({ index, class: deviceClass, ...rest }) => ({
      index: index as MemberIndex,
      name: rest.name,
      device: rest.device,
      deviceClass,
      you: rest.you,
      owner: rest.owner,
      away: rest.away,
      mic: rest.mic,
      camera: rest.camera,
      screen: rest.screen,
      hand: rest.hand,
      speaking: rest.mic && isSpeaking(index),
    }));
  }

  tiles(now: number, members: readonly Member[], self: TileSources["self"]): Tile[] {
    const shown = this.#shown && new Set(this.#shown.map(({ id }) => id));
    const picture = (index: MemberIndex, kind: "camera" | "screen"): Picture => this.#picture(index, kind);
    return tilesOf({ now, members, seatUntil: this.#seatUntil, shown, picture, self });
  }

  /** What the server is told about the tiles on the screen. */
  viewItems(): ViewItem[] {
    return (this.#shown ?? []).flatMap(({ id, width, height, priority }) => {
      const stream = this.streamOf(id);
      return stream === undefined ? [] : [{ stream, width, height, priority }];
    });
  }

  /** The stream of a tile; undefined while it has none. */
  streamOf(tileId: string): number | undefined {
    const [index, kind] = tileId.split("/");
    return this.#streams.find((stream) => String(stream.index) === index && stream.kind === kind)?.stream;
  }

  counters(): Counters {
    const total = { framesSealed: 0, framesOpened: 0, decryptErrors: 0, replaysRefused: 0, framesHeld: 0 };
    for (const [slot, counts] of this.#counts) {
      total.framesSealed += counts.sealed;
      total.framesOpened += counts.opened;
      total.decryptErrors += slot.startsWith("receive/") ? counts.errors : 0;
      total.replaysRefused += counts.replays;
      total.framesHeld += counts.held;
    }
    return total;
  }

  /** Whether the server holds pictures back for want of bandwidth. */
  get starved(): boolean {
    return [...this.#states.values()].some(({ reason }) => reason === "bandwidth");
  }

  #picture(index: MemberIndex, kind: "camera" | "screen"): Picture {
    const stream = this.#streams.find((one) => one.index === index && one.kind === kind);
    const incoming = this.#incoming.find((one) => one.stream === stream?.stream);
    const sound = this.#soundOf(index, kind);
    const id = `${index}/${kind}`;
    return {
      announced: stream?.active ?? false,
      sending: stream === undefined ? undefined : this.#states.get(stream.stream)?.reason,
      condition: incoming === undefined ? undefined : this.#watches.get(incoming.slot)?.condition(),
      media: this.#streamOf(id, incoming === undefined ? sound : [incoming.track, ...sound]),
      sound: this.#streamOf(`${id}/sound`, sound),
    };
  }

  #soundOf(index: MemberIndex, kind: "camera" | "screen"): MediaStreamTrack[] {
    const wanted = kind === "camera" ? "microphone" : "screen-audio";
    const incoming = this.#incoming.find((one) => one.index === index && one.kind === wanted);
    return incoming === undefined ? [] : [incoming.track];
  }

  #streamOf(id: string, tracks: MediaStreamTrack[]): MediaStream | undefined {
    const before = this.#media.get(id);
    if (before?.tracks.length === tracks.length && tracks.every((track, i) => track === before.tracks[i])) {
      return before.stream;
    }
    if (tracks.length === 0) {
      this.#media.delete(id);
      return undefined;
    }
    const stream = this.#newStream(tracks);
    this.#media.set(id, { tracks, stream });
    return stream;
  }
}
