/**
 * An engine without a network, for looking at every state: used by
 * `npm run dev -- --mode mock` and by the pictures of the pages, never in the
 * built client (a check looks for the marker below in what was built).
 */
import type { CallEngine, CallState, ChatMessage, ShownTile, Tile } from "../../engine/types.ts";
import type { Door } from "../door.ts";
import { openFakeAccount } from "./fake-account.ts";
import { openFakeMessages } from "./fake-messages.ts";
import { FakeMedia } from "./fake-media.ts";
import { sceneOf, type Scene } from "./scenes.ts";

export const marker = "conclave-fake-engine";

class FakeEngine implements CallEngine {
  state: CallState;
  readonly #scene: Scene;
  readonly #media = new FakeMedia();
  readonly #listeners = new Set<(state: CallState) => void>();

  constructor(scene: Scene, url: string) {
    this.#scene = scene;
    this.state = this.#withMedia({ ...scene.state, linkUrl: url });
    document.documentElement.dataset["engine"] = marker;
    // For the pictures: a state can be changed from outside, step by step.
    Object.assign(globalThis, {
      fakeCall: { set: (part: Partial<CallState>) => this.#set(part), state: () => this.state, shown: [] },
    });
  }

  subscribe(listener: (state: CallState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.state);
    return () => this.#listeners.delete(listener);
  }

  preview(): Promise<void> {
    return Promise.resolve();
  }

  useDevice(kind: "microphone" | "camera" | "speaker", deviceId: string): Promise<void> {
    this.#set({ devices: { ...this.state.devices, [kind]: deviceId } });
    return Promise.resolve();
  }

  join(name: string): Promise<void> {
    const rename = <T extends { readonly name: string }>(one: T, own: boolean): T =>
      own ? { ...one, name } : one;
    this.#set({
      ...this.#scene.joined,
      phase: { kind: "in-call", since: Date.now() },
      members: this.state.members.map((m) => rename(m, m.you)),
      tiles: this.state.tiles.map((tile) => rename(tile, tile.kind === "self")),
    });
    return Promise.resolve();
  }

  setMic(on: boolean): Promise<void> {
    this.#set({
      micOn: on,
      tiles: this.state.tiles.map((tile) => (tile.kind === "self" ? { ...tile, micOn: on } : tile)),
    });
    return Promise.resolve();
  }

  setCamera(on: boolean): Promise<void> {
    const part: Pick<Tile, "state" | "reason"> = on
      ? { state: "playing", reason: undefined }
      : { state: "off", reason: "camera-off" };
    const tiles = this.state.tiles.map((tile) => (tile.kind === "self" ? { ...tile, ...part } : tile));
    this.#set({ cameraOn: on, tiles });
    return Promise.resolve();
  }

  shareScreen(on: boolean): Promise<void> {
    this.#set({ sharing: on });
    return Promise.resolve();
  }

  setHand(up: boolean): void {
    this.#set({ handRaised: up, members: this.state.members.map((m) => (m.you ? { ...m, hand: up } : m)) });
  }

  sendChat(text: string): void {
    const you = this.state.members.find((m) => m.you);
    const id = `own-${this.state.chat.length}`;
    const message: ChatMessage = {
      id,
      index: you?.index,
      name: you?.name ?? "",
      text,
      sentAt: Date.now(),
      you: true,
      delivery: "sending",
    };
    this.#set({ chat: [...this.state.chat, message] });
    setTimeout(() => this.#deliver(id), 400);
  }

  retryChat(id: string): void {
    this.#deliver(id);
  }

  show(tiles: readonly ShownTile[]): void {
    const told = (globalThis as { fakeCall?: { shown: unknown[] } }).fakeCall;
    told?.shown.push(tiles);
    const drawn = (tile: Tile): boolean => tile.kind === "self" || tiles.some((s) => s.id === tile.id);
    const changed = this.state.tiles.map((tile): Tile => {
      if (!drawn(tile) && tile.state === "playing")
        return { ...tile, state: "waiting", reason: "paused-hidden" };
      return drawn(tile) && tile.reason === "paused-hidden"
        ? { ...tile, state: "playing", reason: undefined }
        : tile;
    });
    this.#set({ tiles: changed });
  }

  askAgain(tileId: string): void {
    this.#set({
      tiles: this.state.tiles.map((tile) =>
        tile.id === tileId ? { ...tile, state: "waiting", reason: "connecting" } : tile,
      ),
    });
  }

  rejoin(): Promise<void> {
    return Promise.resolve();
  }

  leave(): Promise<void> {
    this.#set({ phase: { kind: "left", reason: "self" } });
    return Promise.resolve();
  }

  dispose(): void {
    this.#listeners.clear();
    this.#media.dispose();
  }

  #deliver(id: string): void {
    this.#set({ chat: this.state.chat.map((m) => (m.id === id ? { ...m, delivery: "sent" } : m)) });
  }

  #set(part: Partial<CallState>): void {
    this.state = this.#withMedia({ ...this.state, ...part });
    for (const listener of this.#listeners) listener(this.state);
  }

  #withMedia(state: CallState): CallState {
    return {
      ...state,
      tiles: state.tiles.map((tile) => ({
        ...tile,
        media: tile.state === "playing" ? this.#media.of(tile) : undefined,
      })),
    };
  }
}

/** The door that main.ts opens in mock mode; ?scene= chooses what is behind it. */
export const fakeDoor: Door = {
  create: ({ url }) => {
    const scene = sceneOf(new URL(url).searchParams.get("scene"));
    return scene.refused
      ? Promise.reject(Object.assign(new Error(scene.refused), { code: scene.refused }))
      : Promise.resolve(new FakeEngine(scene, url));
  },
  newLink: () =>
    Promise.resolve(`${location.origin}/m/abcdefghij234567?scene=prejoin#AAAAAAAAAAAAAAAAAAAAAA`),
  openAccount: openFakeAccount, openMessages: openFakeMessages,
};
