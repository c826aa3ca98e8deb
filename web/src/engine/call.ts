import type { OutFailed, OutJoined } from "./bridge.d.ts";
import { CallMeters } from "./call-meters.ts";
import { EngineError } from "./engine-error.ts";
import { OwnMedia } from "./own-media.ts";
import { canSeal } from "./peer/browser.ts";
import { Seat } from "./seat.ts";
import type { SessionClient, SessionNews } from "./session-client.ts";
import type { PageOutput } from "./session-worker/messages.ts";
import { Alarms } from "./state/alarms.ts";
import { ChatLog } from "./state/chat-log.ts";
import { initialState } from "./state/initial.ts";
import { MeetingView } from "./state/meeting-view.ts";
import { Store } from "./state/store.ts";
import type { CallEngine, CallState, EngineOptions, FailureCode, Phase, ShownTile } from "./types.ts";

/** The server is told that this device leaves, and is not waited for longer. */
const leaveWithinMs = 1500;

/** So often a call is joined anew by itself within this time before it counts as failed. */
const maxRejoins = 3;
const rejoinWindowMs = 60_000;

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
  #rejoins: readonly number[] = [];
  #leaving = false;
  #seat: Seat | undefined;
  /** Who waits for the call to begin or to end. */
  #settle: (() => void)[] = [];

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
    addEventListener("online", () => this.#seat?.hurry(), { signal });
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
    this.#delivered(id, "sending");
    this.#session.post({ kind: "retry-chat", id });
  }

  show(tiles: readonly ShownTile[]): void {
    this.#view.setShown(tiles);
    this.#seat?.sendView();
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
    this.#dropSeat();
    this.#meters.stop();
    this.#own.dispose();
    // The worker sends what it has before it ends.
    setTimeout(() => this.#session.dispose(), leaveWithinMs);
  }

  #hear(news: SessionNews): void {
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
        // Everything but joining is asked for again when the connection is back.
        if (news.command === "open") {
          this.#fail(news.error.code === "link-wrong" ? "link-wrong" : "unknown", news.error.message);
        }
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
      case "streamStates":
      case "published":
      case "publishFailed":
      case "subscribeOffer":
      case "slots":
        this.#seat?.take(output);
        return;
      case "speakers":
        // Who speaks is measured on what is heard; the server's word proves nothing.
        return;
      case "chat":
        this.#chat.add(output);
        this.#store.set({ chat: this.#chat.messages });
        return;
      case "chatSent":
        this.#delivered(output.id, "sent");
        return;
      case "chatFailed":
        this.#delivered(output.id, "failed");
        return;
      case "reconnecting":
        this.#phase({ kind: "reconnecting", since: now, until: output.untilMs });
        return;
      case "reconnected":
        this.#phase({ kind: this.state.epoch === 0 ? "waiting-for-key" : "in-call", since: now });
        this.#seat?.reconnected();
        return;
      case "alarm":
        this.#alarm(output.id, output.index);
        return;
      case "failed":
        this.#fail(failureOf(output.code), undefined, output.limit);
        return;
      case "left":
        this.#end({ kind: "left", reason: output.reason });
        return;
      default:
        output satisfies never;
    }
  }

  /** A seat: a new one gets new peer connections, one taken back keeps those it has. */
  #joined({ resumed, limit, graceMs, iceServers }: OutJoined): void {
    this.#graceMs = graceMs;
    this.#store.set({ limit, ...(!resumed && { epoch: 0 }) });
    if (resumed && this.#seat !== undefined) {
      return;
    }
    this.#dropSeat();
    this.#phase({ kind: "waiting-for-key", since: Date.now() });
    const servers = iceServers.map(({ urls, username, credential }) => ({
      urls: [...urls],
      username,
      credential,
    }));
    const parts = { session: this.#session, view: this.#view, own: this.#own, meters: this.#meters };
    this.#seat = new Seat(parts, servers, this.#options.codec, {
      tampered: (index) => this.#alarm("tamper", index),
      lost: () => this.#lost(),
      unsafe: () => this.#fail("no-insertable"),
      failed: (error) => this.#fail(error instanceof EngineError ? error.code : "unknown", "media worker"),
    });
  }

  #begin(epoch: number): void {
    const now = Date.now();
    this.#store.set({ epoch, epochSince: now });
    const { kind } = this.state.phase;
    if (kind === "joining" || kind === "waiting-for-key") {
      this.#phase({ kind: "in-call", since: now });
    }
  }

  #delivered(id: string, delivery: "sending" | "sent" | "failed"): void {
    this.#chat.deliver(id, delivery);
    this.#store.set({ chat: this.#chat.messages });
  }

  #alarm(id: "ghost" | "fork" | "tamper", index: number | undefined): void {
    if (this.#alarms.raise(id, this.#view.nameOf(index), Date.now())) {
      this.#store.set({ alarms: this.#alarms.all });
    }
  }

  /** Media cannot go on: joins anew, if that has not been tried too often. */
  #lost(): void {
    if (this.#ended.signal.aborted || this.#seat === undefined) {
      return;
    }
    const now = Date.now();
    this.#rejoins = [...this.#rejoins.filter((at) => now - at < rejoinWindowMs), now];
    if (this.#rejoins.length > maxRejoins) {
      this.#fail("transport");
      return;
    }
    void this.rejoin();
  }

  #showOwn(): void {
    const { micSwitch: micOn, cameraSwitch: cameraOn, sharing, handRaised } = this.#own;
    this.#store.set({ micOn, cameraOn, sharing, handRaised, devices: this.#own.devices() });
    this.#meters.refresh();
  }

  /** Gives the seat up and waits until the server knows, or not for long. */
  async #leaveSeat(): Promise<void> {
    this.#dropSeat();
    const { kind } = this.state.phase;
    if (kind === "idle" || kind === "left" || kind === "failed") {
      return;
    }
    const left = new Promise<void>((resolve) => this.#settle.push(resolve));
    this.#leaving = true;
    this.#session.post({ kind: "leave" });
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, leaveWithinMs))]);
    this.#leaving = false;
  }

  #dropSeat(): void {
    this.#seat?.dispose();
    this.#seat = undefined;
  }

  #fail(code: FailureCode, detail?: string, limit?: number): void {
    if (this.#seat !== undefined) {
      // The failure is on this side: the others need not wait for the seat to lapse.
      this.#session.post({ kind: "leave" });
    }
    this.#end({
      kind: "failed",
      code,
      ...(detail !== undefined && { detail }),
      ...(limit !== undefined && { limit }),
    });
  }

  /** The call is over, and everything that it held is let go. The engine may be asked to join again. */
  #end(phase: Phase): void {
    this.#dropSeat();
    if (this.#leaving) {
      // Somebody waits for this and goes on from here.
      this.#settled();
      return;
    }
    if (this.state.phase.kind !== "left" && this.state.phase.kind !== "failed") {
      this.#own.release();
      this.#phase(phase);
    }
  }

  #phase(phase: Phase): void {
    this.#store.set({ phase });
    if (phase.kind === "in-call" || phase.kind === "left" || phase.kind === "failed") {
      this.#settled();
    }
  }

  #settled(): void {
    const settle = this.#settle;
    this.#settle = [];
    for (const resolve of settle) {
      resolve();
    }
  }
}

function failureOf(code: OutFailed["code"]): FailureCode {
  return code === "other-device" ? "other-tab" : code;
}
