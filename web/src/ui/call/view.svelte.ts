import { SvelteSet } from "svelte/reactivity";
import type { CallEngine, CallState, ChatMessage, Member, Tile } from "../../engine/types.ts";
import { listNames, t } from "../../words/words.svelte.ts";
import { Announcer } from "../announcer.svelte.ts";
import { settings } from "../settings.svelte.ts";
import type { Corner } from "./arrange.ts";
import { Floor } from "./floor.ts";
import { updateHands, type RaisedHand } from "./hands.ts";
import { keyChange, type KeyChange } from "./keychange.ts";
import { TileOrder } from "./order.ts";
import { perPage, type Form, type Layout } from "./stage.ts";
import { Toasts } from "./toasts.svelte.ts";

export type PanelName = "none" | "chat" | "people";
export type DialogName = "none" | "keys" | "settings" | "invite";

/**
 * What the person looking at a call has chosen, and what follows from one state
 * of the engine to the next: who came, who spoke, what is unread.
 */
export class CallView {
  readonly engine: CallEngine;
  readonly announcer = new Announcer();
  readonly toasts = new Toasts();

  // Chosen by the person.
  layout: Layout = $state("grid");
  strip = $state(true);
  pinned: string | undefined = $state();
  page = $state(0);
  corner: Corner = $state("bottom-end");
  panel: PanelName = $state("none");
  shieldOpen = $state(false);
  dialog: DialogName = $state("none");
  audioOnly = $state(false);
  figures = $state(false);
  /** Tiles not heard on this device. */
  readonly silenced = new SvelteSet<string>();

  // Set by the page.
  form: Form = $state("desktop");
  /** Tiles whose sound the browser does not play before something is pressed. */
  readonly blocked = new SvelteSet<string>();
  /** Counts the presses of "Play sound"; the voices try again with each. */
  soundTries = $state(0);

  // Following from the engine's states.
  call: CallState;
  tiles: readonly Tile[] = $state.raw([]);
  floor: string | undefined = $state();
  hands: readonly RaisedHand[] = $state.raw([]);
  change: KeyChange | undefined = $state.raw();
  unread = $state(0);
  startedAt = $state(0);

  readonly #order = new TileOrder();
  readonly #floor = new Floor();
  /** The members that the key is made for now, and those of the key before. */
  #keyed: {
    epoch: number | undefined;
    base: readonly Member[] | undefined;
    members: readonly Member[];
    devices: string;
  } = {
    epoch: undefined,
    base: undefined,
    members: [],
    devices: "",
  };
  #before: CallState | undefined;
  /** The layout was changed by a shared screen and goes back with it. */
  #switched = false;

  constructor(engine: CallEngine, call: CallState) {
    this.engine = engine;
    this.call = $state.raw(call);
    this.follow(call);
  }

  get you(): Member | undefined {
    return this.call.members.find((member) => member.you);
  }

  dispose(): void {
    this.announcer.dispose();
    this.toasts.dispose();
  }

  /** Takes in the next state of the engine. */
  follow(call: CallState): void {
    const [before, now] = [this.#before, Date.now()];
    this.call = call;
    this.#before = call;
    if (this.startedAt === 0 && "since" in call.phase) this.startedAt = call.phase.since;
    const ids = this.#order.update(call.tiles, perPage[this.form], this.pinned, now);
    const tiles = ids.flatMap((id) => call.tiles.find((tile) => tile.id === id) ?? []);
    const same = tiles.length === this.tiles.length && tiles.every((tile, i) => tile === this.tiles[i]);
    if (!same) this.tiles = tiles;
    this.floor = this.#floor.update(call.tiles, now);
    if (this.pinned !== undefined && !ids.includes(this.pinned)) this.pinned = undefined;
    this.#followKey(call);
    this.#followHands(call, before, now);
    this.#followScreens(call, before);
    if (before) {
      this.#followPeople(call, before);
      this.#followOwn(call, before);
      this.#followChat(call, before);
      this.#followConnection(call, before);
    } else if (!call.micOn && call.devices.microphones.length > 0) {
      this.hintMuted();
    }
  }

  choose(layout: Layout): void {
    this.layout = layout;
    this.#switched = false;
    this.page = 0;
  }

  show(panel: PanelName): void {
    this.panel = this.panel === panel ? "none" : panel;
    if (this.panel === "chat") this.unread = 0;
  }

  pin(id: string): void {
    this.pinned = this.pinned === id ? undefined : id;
    this.follow(this.call);
  }

  setAudioOnly(on: boolean): void {
    this.audioOnly = on;
  }

  hintMuted(): void {
    // Without a keyboard there is no key to press.
    if (settings.singleKeys && matchMedia("(any-hover: hover)").matches)
      this.toasts.show({
        id: "muted",
        icon: "mic-off",
        word: "muted.hint",
        slots: { key: "M" },
        keys: ["key"],
      });
    else this.toasts.show({ id: "muted", icon: "mic-off", word: "muted.hint.plain" });
  }

  copied(done: boolean): void {
    if (done) this.toasts.show({ id: "copied", icon: "link", word: "copy.done" });
    else this.dialog = "invite";
  }

  /** The place of a member in the line of raised hands, from 1; undefined when its hand is down. */
  handOf(member: Member["index"] | undefined): number | undefined {
    const at = this.hands.findIndex((hand) => hand.member === member);
    return at < 0 ? undefined : at + 1;
  }

  #followKey(call: CallState): void {
    const devices = call.members.map((member) => member.device).join(" ");
    if (this.#keyed.epoch !== call.epoch) {
      const base = this.#keyed.epoch === undefined ? undefined : this.#keyed.members;
      this.#keyed = { epoch: call.epoch, base, members: call.members, devices: "" };
    }
    if (this.#keyed.devices !== devices) {
      this.#keyed = { ...this.#keyed, members: call.members, devices };
      this.change = keyChange(call.epoch, call.epochSince, this.#keyed.base, call.members);
    }
  }

  #followHands(call: CallState, before: CallState | undefined, now: number): void {
    const line = this.hands;
    this.hands = updateHands(line, call.members, now);
    if (before === undefined || this.hands === line) return;
    for (const hand of this.hands) {
      const member = call.members.find((m) => m.index === hand.member);
      if (!member || member.you || line.some((b) => b.member === hand.member)) continue;
      const place = this.handOf(hand.member) ?? 1;
      this.announcer.say(
        place === 1
          ? t("say.hand.first", { name: member.name })
          : t("say.hand", { name: member.name, place }),
      );
    }
  }

  #followScreens(call: CallState, before: CallState | undefined): void {
    const screens = (state: CallState | undefined): readonly Tile[] =>
      state?.tiles.filter((tile) => tile.kind === "screen" && tile.member !== this.you?.index) ?? [];
    const [was, is] = [screens(before), screens(call)];
    for (const tile of is) {
      if (before && !was.some((w) => w.id === tile.id))
        this.announcer.say(t("say.screen", { name: tile.name }));
    }
    if (is.length > 0 && was.length === 0 && this.layout === "grid") {
      this.choose("speaker");
      this.#switched = true;
    } else if (is.length === 0 && this.#switched) {
      this.choose("grid");
    }
  }

  #followPeople(call: CallState, before: CallState): void {
    if (call.members === before.members) return;
    const missing = (from: readonly Member[], of: readonly Member[]): Member[] =>
      from.filter((member) => !member.you && !of.some((other) => other.device === member.device));
    const [joined, left] = [missing(call.members, before.members), missing(before.members, call.members)];
    const names = (members: readonly Member[]): string[] => members.map((member) => member.name);
    this.announcer.people(names(joined), names(left), call.members.length);
    if (before.shield === "verified" && call.shield === "unverified" && joined.length > 0) {
      this.announcer.say(t("say.grey", { names: listNames(names(joined)), count: joined.length }));
    }
  }

  #followOwn(call: CallState, before: CallState): void {
    const said = [
      ["micOn", "say.mic.on", "say.mic.off"],
      ["cameraOn", "say.camera.on", "say.camera.off"],
      ["sharing", "say.share.on", "say.share.off"],
      ["handRaised", "say.hand.on", "say.hand.off"],
    ] as const;
    for (const [key, on, off] of said) {
      if (call[key] !== before[key]) this.announcer.say(t(call[key] ? on : off));
    }
    if (call.micOn) this.toasts.close("muted");
    if (call.devices.problem !== before.devices.problem && call.devices.problem !== undefined) {
      this.toasts.show({ id: "device", icon: "warn", word: call.devices.problem });
    }
    if (call.alarms.length > before.alarms.length) this.#alarm(call);
  }

  #alarm(call: CallState): void {
    const last = call.alarms.at(-1);
    if (!last) return;
    const action = { word: "alarm.details", do: () => (this.shieldOpen = true) } as const;
    if (last.id !== "tamper") this.toasts.show({ id: "alarm", icon: "shield-broken", word: last.id, action });
    else if (last.name === undefined)
      this.toasts.show({ id: "alarm", icon: "shield-broken", word: "tamper.unknown", action });
    else
      this.toasts.show({
        id: "alarm",
        icon: "shield-broken",
        word: "tamper",
        slots: { name: last.name },
        action,
      });
  }

  #followChat(call: CallState, before: CallState): void {
    if (call.chat === before.chat) return;
    const fresh = call.chat.filter((m: ChatMessage) => !m.you && !before.chat.some((old) => old.id === m.id));
    for (const message of fresh) this.announcer.chat(message.name, message.text);
    if (this.panel !== "chat") this.unread += fresh.length;
  }

  #followConnection(call: CallState, before: CallState): void {
    const [was, is] = [before.phase.kind, call.phase.kind];
    if (is === "reconnecting" && was !== "reconnecting") this.announcer.interrupt(t("say.lost"));
    if (is === "in-call" && was === "reconnecting") this.announcer.interrupt(t("say.back"));
    if (call.shield === "exposed" && before.shield !== "exposed") this.announcer.interrupt(t("say.red"));
  }
}
