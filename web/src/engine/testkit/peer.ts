import { vi } from "vitest";
import type { AllCounts, MediaClient } from "../media-client.ts";
import type { Expectation, SlotCounts, SlotId, SlotOptions } from "../media-worker/messages.ts";

/** A track that does nothing. */
export function track(kind: "audio" | "video", label = "real"): MediaStreamTrack {
  return { kind, label, stop: vi.fn(), readyState: "live" } as unknown as MediaStreamTrack;
}

/** What happened on all fake peer connections, in order. */
export type Journal = string[];

class FakeSender {
  stats: object[] = [];
  track: MediaStreamTrack | null = null;
  readonly #journal: Journal;
  #transform: unknown = null;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get transform(): unknown {
    return FakePeer.attaches ? this.#transform : null;
  }

  set transform(value: unknown) {
    this.#journal.push(value === null ? "transform taken off" : "transform set");
    this.#transform = value;
  }

  getStats(): Promise<Map<number, object>> {
    return Promise.resolve(new Map(this.stats.entries()));
  }

  replaceTrack(next: MediaStreamTrack | null): Promise<void> {
    this.#journal.push(`sends ${next?.label ?? "nothing"}`);
    this.track = next;
    return Promise.resolve();
  }

  getParameters(): object {
    return { encodings: [] };
  }

  setParameters(): Promise<void> {
    return Promise.resolve();
  }
}

class FakeTransceiver {
  mid: string | null = null;
  direction = "sendonly";
  readonly sender: FakeSender;
  readonly receiver = { transform: null as unknown, track: track("video", "remote") };
  readonly codecs: object[] = [];

  constructor(journal: Journal) {
    this.sender = new FakeSender(journal);
  }

  setCodecPreferences(codecs: object[]): void {
    this.codecs.push(...codecs);
  }
}

/** A peer connection that negotiates with nobody. */
export class FakePeer extends EventTarget {
  static made: FakePeer[] = [];
  static journal: Journal = [];
  /** Whether a transform that is set is really taken. */
  static attaches = true;
  readonly transceivers: FakeTransceiver[] = [];
  readonly configuration: object;
  connectionState = "new";
  signalingState = "stable";
  localDescription: { sdp: string } | null = null;
  ontrack: ((event: { transceiver: FakeTransceiver }) => void) | null = null;
  stats: object[] = [];
  offers: { iceRestart?: boolean }[] = [];

  constructor(configuration: object) {
    super();
    this.configuration = configuration;
    FakePeer.made.push(this);
  }

  addTransceiver(first: MediaStreamTrack | string): FakeTransceiver {
    FakePeer.journal.push(typeof first === "string" ? "transceiver added" : "transceiver with a track added");
    const transceiver = new FakeTransceiver(FakePeer.journal);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  createOffer(options: { iceRestart?: boolean }): Promise<{ type: string; sdp: string }> {
    this.offers.push(options);
    return Promise.resolve({ type: "offer", sdp: `offer ${this.offers.length}` });
  }

  createAnswer(): Promise<{ type: string; sdp: string }> {
    return Promise.resolve({ type: "answer", sdp: "answer" });
  }

  setLocalDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    FakePeer.journal.push(`local ${type}`);
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
    this.localDescription = { sdp };
    for (const [i, transceiver] of this.transceivers.entries()) {
      transceiver.mid = String(i);
    }
    return Promise.resolve();
  }

  /** The server's description; one with "video" in it has a new m-line. */
  setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.signalingState = type === "offer" ? "have-remote-offer" : "stable";
    if (sdp.includes("video")) {
      const transceiver = new FakeTransceiver(FakePeer.journal);
      transceiver.mid = String(this.transceivers.length);
      this.transceivers.push(transceiver);
      this.ontrack?.({ transceiver });
    }
    return Promise.resolve();
  }

  getStats(): Promise<Map<number, object>> {
    return Promise.resolve(new Map(this.stats.entries()));
  }

  /** Changes the state and tells it. */
  become(state: string): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    FakePeer.journal.push("closed");
    this.connectionState = "closed";
  }
}

/** The page's end of a media worker that counts what the test says. */
export class FakeMedia {
  readonly expectations = new Map<SlotId, Expectation>();
  figures = new Map<SlotId, Partial<SlotCounts>>();

  transform(options: SlotOptions): object {
    return options;
  }

  expect(slot: SlotId, expectation: Expectation): void {
    this.expectations.set(slot, expectation);
  }

  idle(slot: SlotId): void {
    this.expectations.delete(slot);
  }

  counts(): Promise<AllCounts> {
    return Promise.resolve(this.figures as unknown as AllCounts);
  }

  get client(): MediaClient {
    return this as unknown as MediaClient;
  }
}

/** Puts the fakes where the browser has its own. Undo with vi.unstubAllGlobals. */
export function stubBrowser(): void {
  FakePeer.made = [];
  FakePeer.journal = [];
  const codecs = [{ mimeType: "video/VP9" }, { mimeType: "video/VP8" }, { mimeType: "audio/opus" }];
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs }) });
  vi.stubGlobal("RTCRtpTransceiver", FakeTransceiver);
  const canvas = {
    getContext: () => ({ fillRect: () => {} }),
    captureStream: () => ({ getVideoTracks: () => [track("video", "black")] }),
  };
  vi.stubGlobal("document", { createElement: () => canvas });
  const destination = { stream: { getAudioTracks: () => [track("audio", "silence")] } };
  vi.stubGlobal(
    "AudioContext",
    class {
      createMediaStreamDestination = () => destination;
      resume = () => Promise.resolve();
      close = () => Promise.resolve();
    },
  );
  vi.stubGlobal(
    "ConstantSourceNode",
    class {
      connect(): void {}
      start(): void {}
    },
  );
}
