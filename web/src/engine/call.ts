import type { OutFailed, OutJoined } from "./bridge.d.ts";
import { CallMeters } from "./call-meters.ts";
import { EngineError } from "./engine-error.ts";
import { MediaClient } from "./media-client.ts";
import { MediaPlane } from "./media-plane.ts";
import type { SlotId } from "./media-worker/messages.ts";
import { OwnMedia } from "./own-media.ts";
import { canSeal } from "./peer/browser.ts";
import { revealed } from "./peer/reveal.ts";
import type { SessionClient } from "./session-client.ts";
import type { FromSession, PageOutput } from "./session-worker/messages.ts";
import { Alarms } from "./state/alarms.ts";
import { ChatLog } from "./state/chat-log.ts";
import { initialState } from "./state/initial.ts";
import { MeetingView } from "./state/meeting-view.ts";
import { Store } from "./state/store.ts";
import type { CallEngine, CallState, EngineOptions, FailureCode, Phase, ShownTile } from "./types.ts";

type News = Parameters<Parameters<SessionClient["listen"]>[0]>[0];

/** The server is told that this device leaves, and is not waited for longer. */
const leaveWithinMs = 1500;
/** So often a call is joined anew by itself before it counts as failed. */
const maxRejoins = 3;

/** One call: what the interface asks for, and what becomes of it. */
export class Call implements CallEngine {
  readonly #session: SessionClient;
  readonly #options: EngineOptions;
  readonly #store: Store;
  readonly #view: MeetingView;
  readonly #own: OwnMedia;
  readonly #meters: CallMeters;
  readonly #chat = new ChatLog();
  readonly #alarms = new Alarms();
  readonly #ended = new AbortController();
  #name = "";
  #graceMs = 0;
  #rejoins = 0;
  #plane: MediaPlane | undefined;
  /** What concerns the plane is done once it is there, in order. */
  #turn: Promise<void> = Promise.resolve();
  #settle: (() => void)[] = [];
  #sentView = "";

  constructor(session: SessionClient, options: EngineOptions) {
    this.#session = session;
    this.#options = options;
    this.#store = new Store(initialState(options.url));
    this.#view = new MeetingView(
      (tracks) => new MediaStream(tracks),
      () => this.#graceMs,
    );
    this.#own = new OwnMedia({
      changed: () => this.#showOwn(),
      state: (state) => this.#session.post({ kind: "state", state }),
    });
    this.#meters = new CallMeters(this.#view, this.#own, (change) => this.#store.set(change));
    session.listen((news) => this.#hear(news));
    const { signal } = this.#ended;
    addEventListener("pagehide", () => this.#session.post({ kind: "leave" }), { signal });
    addEventListener("online", () => this.#plane?.reconnected(), { signal });
  }

  get state(): CallState {
    return this.#store.state;
  }

  subscribe(listener: (state: CallState) => void): () => void {
    return this.#store.subscribe(listener);
  }

  async preview(): Promise<void> {
    await this.#own.open();
  }

  async useDevice(kind: "microphone" | "camera" | "speaker", deviceId: string): Promise<void> {
    await this.#own.use(kind, deviceId);
  }

  /** Joins. Resolves in the call, or when that has failed: see `state.phase`. */
  async join(name: string): Promise<void> {
    this.#name = name;
    if (!canSeal()) {
      this.#fail("no-insertable");
      return;
    }
    this.#phase({ kind: "joining", since: Date.now() });
    const { url, create } = this.#options;
    this.#session.post({ kind: "open", url, create, name });
    await new Promise<void>((resolve) => this.#settle.push(resolve));
  }

  async setMic(on: boolean): Promise<void> {
    await this.#own.setMic(on);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.#own.setCamera(on);
  }

  async shareScreen(on: boolean): Promise<void> {
    await this.#own.share(on);
  }

  setHand(up: boolean): void {
    this.#own.setHand(up);
  }

  sendChat(text: string): void {
    this.#session.post({ kind: "chat", text });
  }

  retryChat(id: string): void {
    this.#chat.deliver(id, "sending");
    this.#store.set({ chat: this.#chat.messages });
    this.#session.post({ kind: "retry-chat", id });
  }

  show(tiles: readonly ShownTile[]): void {
    this.#view.setShown(tiles);
    this.#sendView();
    this.#meters.refresh();
  }

  askAgain(tileId: string): void {
    const stream = this.#view.streamOf(tileId);
    if (stream !== undefined) {
      this.#session.post({ kind: "key-frame", stream });
    }
  }

  async rejoin(): Promise<void> {
    await this.#leaveSeat();
    await this.join(this.#name);
  }

  async leave(): Promise<void> {
    await this.#leaveSeat();
    this.#end({ kind: "left", reason: "self" });
  }

  dispose(): void {
    this.#ended.abort();
    this.#session.post({ kind: "leave" });
    this.#meters.stop();
    this.#own.dispose();
    this.#dropPlane();
    // The worker sends what it has before it ends.
    setTimeout(() => this.#session.dispose(), leaveWithinMs);
  }

  #hear(news: News): void {
    if (this.#ended.signal.aborted) {
      return;
    }
    switch (news.kind) {
      case "output":
        this.#take(news.output);
        return;
      case "epoch":
        this.#begin(news.epoch);
        return;
      case "refused":
        this.#refused(news);
        return;
      case "broken":
        this.#fail("unknown", news.message);
        return;
      default:
        news satisfies never;
    }
  }

  #take(output: PageOutput): void {
    const now = Date.now();
    switch (output.kind) {
      case "joined":
        this.#joined(output);
        return;
      case "roster":
        this.#view.setRoster(output, now);
        this.#store.set({ joining: output.joining });
        this.#meters.refresh();
        return;
      case "streams":
        this.#view.setStreams(output.streams);
        this.#withPlane((plane) => plane.setStreams(output.streams));
        this.#sendView();
        this.#meters.refresh();
        return;
      case "streamStates":
        this.#view.setStates(output.states);
        this.#meters.refresh();
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
      case "speakers":
        // Who speaks is measured on what is heard; the server's word proves nothing.
        return;
      case "chat":
        this.#chat.add(output);
        this.#store.set({ chat: this.#chat.messages });
        return;
      case "chatSent":
      case "chatFailed":
        this.#chat.deliver(output.id, output.kind === "chatSent" ? "sent" : "failed");
        this.#store.set({ chat: this.#chat.messages });
        return;
      case "failed":
        this.#fail(failureOf(output.code), undefined, output.limit);
        return;
      case "reconnecting":
        this.#phase({ kind: "reconnecting", since: now, until: output.untilMs });
        return;
      case "reconnected":
        this.#phase({ kind: "in-call", since: now });
        this.#plane?.reconnected();
        this.#sentView = "";
        this.#sendView();
        return;
      case "left":
        this.#end({ kind: "left", reason: output.reason });
        return;
      case "alarm":
        this.#alarm(output.id, output.index);
        return;
      default:
        output satisfies never;
    }
  }

  /** A seat: a new one gets new peer connections, one taken back keeps those it has. */
  #joined({ resumed, limit, graceMs, iceServers }: OutJoined): void {
    this.#graceMs = graceMs;
    this.#store.set({ limit });
    if (resumed && this.#plane !== undefined) {
      return;
    }
    this.#phase({ kind: "waiting-for-key", since: Date.now() });
    this.#dropPlane();
    const servers = iceServers.map(({ urls, username, credential }) => ({
      urls: [...urls],
      username,
      credential,
    }));
    this.#turn = this.#turn.then(() => this.#newPlane(servers));
  }

  async #newPlane(iceServers: readonly RTCIceServer[]): Promise<void> {
    try {
      const { media, keys } = await MediaClient.start({
        counts: (counts) => {
          this.#view.setCounts(counts, Date.now());
          this.#meters.refresh();
        },
        first: (slot, assignment, rtpTimestamp) => this.#opened(slot, assignment, rtpTimestamp),
        crashed: () => this.#lost(),
      });
      if (this.#ended.signal.aborted) {
        media.dispose();
        return;
      }
      this.#session.post({ kind: "keys-to", port: keys }, [keys]);
      const plane = new MediaPlane(media, iceServers, this.#options.codec, this.#planeEvents());
      this.#plane = plane;
      this.#own.attach(plane);
      this.#meters.watch(plane);
      this.#sentView = "";
      this.#sendView();
    } catch (error) {
      this.#fail(error instanceof EngineError ? error.code : "unknown", "media worker");
    }
  }

  #planeEvents(): ConstructorParameters<typeof MediaPlane>[3] {
    return {
      publish: (sdp, streams) => this.#session.post({ kind: "publish", sdp, streams }),
      answer: (generation, sdp) => this.#session.post({ kind: "answer", generation, sdp }),
      restartSubscribe: () => this.#session.post({ kind: "restart-subscribe" }),
      changed: () => {
        this.#view.setIncoming(this.#plane?.incoming() ?? [], Date.now());
        this.#meters.refresh();
      },
      breached: () => this.#alarm("tamper", undefined),
      lost: () => this.#lost(),
      unsafe: () => this.#fail("no-insertable"),
    };
  }

  #withPlane(act: (plane: MediaPlane) => void): void {
    this.#turn = this.#turn.then(() => {
      if (this.#plane !== undefined) {
        act(this.#plane);
      }
    });
  }

  /** The first frame of somebody on a slot has opened: its picture may be shown as soon as it is drawn. */
  #opened(slot: SlotId, assignment: number, rtpTimestamp: number | undefined): void {
    const incoming = this.#view.opened(slot, assignment, Date.now());
    if (incoming === undefined) {
      return;
    }
    const reveal = (): void => {
      this.#view.reveal(slot, assignment);
      this.#meters.refresh();
    };
    if (incoming.reused && incoming.track.kind === "video") {
      void revealed(incoming.track, rtpTimestamp, this.#ended.signal).then(reveal);
    } else {
      reveal();
    }
  }

  #begin(epoch: number): void {
    const now = Date.now();
    this.#store.set({ epoch, epochSince: now });
    const { kind } = this.state.phase;
    if (kind === "joining" || kind === "waiting-for-key") {
      this.#rejoins = 0;
      this.#phase({ kind: "in-call", since: now });
    }
  }

  #refused({ command, error }: Extract<FromSession, { kind: "refused" }>): void {
    if (command === "open") {
      this.#fail(error.code === "link-wrong" ? "link-wrong" : "unknown", error.message);
    }
    // Everything else is asked for again when the connection is back.
  }

  #alarm(id: "ghost" | "fork" | "tamper", index: number | undefined): void {
    if (this.#alarms.raise(id, this.#view.nameOf(index), Date.now())) {
      this.#store.set({ alarms: this.#alarms.all });
    }
  }

  /** Media cannot go on: joins anew, if that has not been tried too often. */
  #lost(): void {
    if (this.#ended.signal.aborted || this.#plane === undefined) {
      return;
    }
    this.#rejoins++;
    if (this.#rejoins > maxRejoins) {
      this.#fail("transport");
      return;
    }
    void this.rejoin();
  }

  #sendView(): void {
    const items = this.#view.viewItems();
    const text = JSON.stringify(items);
    if (this.#plane !== undefined && text !== this.#sentView) {
      this.#sentView = text;
      this.#session.post({ kind: "view", items });
    }
  }

  #showOwn(): void {
    const { micOn, cameraOn, sharing, handRaised } = this.#own;
    this.#store.set({ micOn, cameraOn, sharing, handRaised, devices: this.#own.devices() });
    this.#meters.refresh();
  }

  async #leaveSeat(): Promise<void> {
    this.#dropPlane();
    const { kind } = this.state.phase;
    if (kind === "idle" || kind === "left" || kind === "failed") {
      return;
    }
    const left = new Promise<void>((resolve) => this.#settle.push(resolve));
    this.#session.post({ kind: "leave" });
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, leaveWithinMs))]);
  }

  #dropPlane(): void {
    this.#own.detach();
    this.#meters.watch(undefined);
    this.#plane?.dispose();
    this.#plane = undefined;
    this.#view.setIncoming([], Date.now());
  }

  #fail(code: FailureCode, detail?: string, limit?: number): void {
    const more = { ...(detail !== undefined && { detail }), ...(limit !== undefined && { limit }) };
    this.#end({ kind: "failed", code, ...more });
  }

  #end(phase: Phase): void {
    this.#dropPlane();
    if (this.state.phase.kind !== "left" && this.state.phase.kind !== "failed") {
      this.#phase(phase);
    }
    this.#own.dispose();
  }

  #phase(phase: Phase): void {
    this.#store.set({ phase });
    if (phase.kind === "in-call" || phase.kind === "left" || phase.kind === "failed") {
      const settle = this.#settle;
      this.#settle = [];
      for (const resolve of settle) {
        resolve();
      }
    }
  }
}

function failureOf(code: OutFailed["code"]): FailureCode {
  return code === "other-device" ? "other-tab" : code;
}
