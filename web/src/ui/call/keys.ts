import { t } from "../../words/words.svelte.ts";
import { settings } from "../settings.svelte.ts";
import { commandOf, type Command } from "./keymap.ts";
import { placeOf, pressedOf } from "./pressed.ts";
import type { CallView } from "./view.svelte.ts";

const regions = ["header", "#stage", ".panel", ".bar"];

/** Does what the keys say in a call. Talking while Space is held ends when the window loses focus. */
export class CallKeys {
  readonly #view: CallView;
  #talking = false;

  constructor(view: CallView) {
    this.#view = view;
  }

  down(event: KeyboardEvent): void {
    // A dialog and a menu have keys of their own.
    if (event.defaultPrevented || this.#view.dialog !== "none") return;
    const command = commandOf(pressedOf(event), placeOf(event, settings.singleKeys));
    if (event.key === " " && this.#talking) event.preventDefault();
    if (command && this.#do(command)) event.preventDefault();
  }

  up(event: KeyboardEvent): void {
    if (event.key === " ") this.letGo();
  }

  /** Ends talking while held. */
  letGo(): void {
    if (!this.#talking) return;
    this.#talking = false;
    void this.#view.engine.setMic(false);
  }

  dispose(): void {
    this.letGo();
  }

  #do(command: Command): boolean {
    const { engine, call } = this.#view;
    switch (command.kind) {
      case "mic":
        void engine.setMic(!call.micOn);
        return true;
      case "camera":
        void engine.setCamera(!call.cameraOn);
        return true;
      case "share":
        void engine.shareScreen(!call.sharing);
        return true;
      case "hand":
        engine.setHand(!call.handRaised);
        return true;
      case "chat":
        this.#view.show("chat");
        return true;
      case "people":
        this.#view.show("people");
        return true;
      case "layout":
        this.#view.choose(this.#view.layout === "grid" ? "speaker" : "grid");
        return true;
      case "strip":
        this.#view.strip = !this.#view.strip;
        return true;
      case "shield":
        this.#view.shieldOpen = !this.#view.shieldOpen;
        return true;
      case "figures":
        this.#view.figures = !this.#view.figures;
        return true;
      case "list":
        this.#view.dialog = "keys";
        return true;
      case "full":
        toggleFullScreen();
        return true;
      case "talk":
        return this.#talk();
      case "pin":
        return this.#pin(command.place);
      case "unpin":
        this.#view.pinned = undefined;
        return true;
      case "region":
        return moveRegion(command.step);
      case "close":
        return this.#close();
      default:
        return command satisfies never;
    }
  }

  #talk(): boolean {
    if (this.#view.call.micOn) return false;
    this.#talking = true;
    this.#view.announcer.say(t("say.talk"));
    void this.#view.engine.setMic(true);
    return true;
  }

  #pin(place: number): boolean {
    const tile = this.#view.tiles[place - 1];
    if (!tile) return false;
    this.#view.pin(tile.id);
    return true;
  }

  /** Closes what lies on top: the shield panel, the panel beside, a toast. */
  #close(): boolean {
    if (this.#view.shieldOpen) this.#view.shieldOpen = false;
    else if (this.#view.panel !== "none") this.#view.panel = "none";
    else return this.#view.toasts.close();
    return true;
  }
}

/** Full screen for the whole page, or back. */
export function toggleFullScreen(): void {
  const done = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen();
  // Refused without a press of a key or button: then nothing changes, and the label says so.
  done.catch(() => undefined);
}

/** F6 goes round the parts of the page; the first thing in each takes the focus. */
function moveRegion(by: 1 | -1): boolean {
  const root = document.querySelector(".call");
  const here = regions.flatMap((selector) => root?.querySelector<HTMLElement>(`:scope > ${selector}`) ?? []);
  const from = here.findIndex((region) => region.contains(document.activeElement));
  const next = here.at((from + by + here.length) % here.length);
  const stop = next?.querySelector<HTMLElement>(
    'button:not([tabindex="-1"]), a[href], textarea, [tabindex="0"]',
  );
  (stop ?? next)?.focus();
  return true;
}
