import { Levels } from "./devices/levels.ts";
import type { MediaPlane } from "./media-plane.ts";
import type { OwnMedia } from "./own-media.ts";
import type { MeetingView } from "./state/meeting-view.ts";
import { LossMeter, qualityOf } from "./state/quality.ts";
import { same } from "./state/same.ts";
import { Speaking } from "./state/speaking.ts";
import type { CallState, Member, Tile } from "./types.ts";

// Who speaks is shown after 150 ms; reasons that count show seconds; the quality is a slow thing.
const levelMs = 50;
const tileMs = 250;
const qualityMs = 2000;

/** The own microphone among the meters; members have their index. */
const own = -1;

/**
 * What follows from time and from figures: who speaks, how the tiles stand,
 * how good the connection is.
 */
export class CallMeters {
  readonly #view: MeetingView;
  readonly #own: OwnMedia;
  readonly #set: (change: Partial<CallState>) => void;
  readonly #levels = new Levels<number>();
  readonly #speaking = new Speaking<number>();
  readonly #timers: readonly ReturnType<typeof setInterval>[];
  #loss = new LossMeter();
  #plane: MediaPlane | undefined;
  #members: readonly Member[] = [];
  #tiles: readonly Tile[] = [];
  #counters: CallState["counters"] | undefined;
  #spoke = "";

  constructor(view: MeetingView, ownMedia: OwnMedia, set: (change: Partial<CallState>) => void) {
    this.#view = view;
    this.#own = ownMedia;
    this.#set = set;
    this.#timers = [
      setInterval(() => this.#listen(), levelMs),
      setInterval(() => this.refresh(), tileMs),
      setInterval(() => void this.#judge(), qualityMs),
    ];
  }

  /** Reads figures from this plane from now on. */
  watch(plane: MediaPlane | undefined): void {
    this.#plane = plane;
    this.#loss = new LossMeter();
  }

  /** Works members, tiles and counters out anew; what is the same stays the same object. */
  refresh(): void {
    const members = this.#view.members((index) => this.#speaking.isSpeaking(index));
    this.#members = members.map((member, i) => keep(this.#members[i], member));
    const { self, cameraOn, cameraMissing, micOn, sharing } = this.#own;
    const name = "";
    const tiles = this.#view.tiles(Date.now(), this.#members, {
      media: self,
      name,
      cameraOn,
      cameraMissing,
      micOn,
      sharing,
    });
    const before = new Map(this.#tiles.map((tile) => [tile.id, tile]));
    this.#tiles = tiles.map((tile) => keep(before.get(tile.id), tile));
    this.#counters = keep(this.#counters, this.#view.counters());
    this.#set({ counters: this.#counters });
    this.#setList("members", this.#members);
    this.#setList("tiles", this.#tiles);
  }

  stop(): void {
    for (const timer of this.#timers) {
      clearInterval(timer);
    }
    this.#levels.dispose();
  }

  readonly #lists: { members: readonly Member[]; tiles: readonly Tile[] } = { members: [], tiles: [] };

  /** Sets a list only if something in it is new. */
  #setList<K extends "members" | "tiles">(key: K, list: CallState[K]): void {
    const before: readonly unknown[] = this.#lists[key];
    if (before.length !== list.length || list.some((item, i) => item !== before[i])) {
      Object.assign(this.#lists, { [key]: list });
      this.#set({ [key]: list });
    }
  }

  #listen(): void {
    const sounds = (this.#plane?.incoming() ?? []).filter(({ kind }) => kind === "microphone");
    const ids = new Set([own, ...sounds.map(({ index }) => index)]);
    this.#levels.keep(ids);
    this.#speaking.keep(ids);
    this.#levels.set(own, this.#own.microphone);
    const now = Date.now();
    for (const { index, track } of sounds) {
      this.#levels.set(index, track);
      this.#speaking.update(index, this.#levels.level(index), now);
    }
    const level = this.#own.micOn ? this.#levels.level(own) : 0;
    const you = this.#members.find((member) => member.you);
    if (you !== undefined) {
      this.#speaking.update(you.index, level, now);
    }
    // Finer steps would only redraw the meter.
    this.#set({ micLevel: Math.round(level * 50) / 50 });
    const spoke = this.#members.map(({ index }) => (this.#speaking.isSpeaking(index) ? 1 : 0)).join("");
    if (spoke !== this.#spoke) {
      this.#spoke = spoke;
      this.refresh();
    }
  }

  async #judge(): Promise<void> {
    const plane = this.#plane;
    if (plane === undefined) {
      return;
    }
    const [receiving, sending] = await Promise.all([
      plane.subscribing.getStats(),
      plane.publishing.getStats(),
    ]);
    if (plane === this.#plane) {
      const { loss, roundTripMs } = this.#loss.read(receiving.values(), sending.values());
      const connected = plane.well && navigator.onLine;
      this.#set({ quality: qualityOf({ connected, loss, roundTripMs, starved: this.#view.starved }) });
    }
  }
}

/** What was there before, if the new thing is the same. */
function keep<T extends object>(before: T | undefined, after: T): T {
  return before !== undefined && same(before, after) ? before : after;
}
