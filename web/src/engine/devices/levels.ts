/** The level of full-scale speech is far below that of a full-scale tone. */
const gain = 4;

/** Samples looked at: 21 ms at 48 kHz. */
const window = 1024;

interface Meter {
  readonly track: MediaStreamTrack;
  readonly source: MediaStreamAudioSourceNode;
  readonly analyser: AnalyserNode;
}

/**
 * How loud tracks are, from 0 to 1, measured on the decoded sound: what the
 * server says about loudness proves nothing.
 */
export class Levels<Id> {
  readonly #meters = new Map<Id, Meter>();
  readonly #samples = new Float32Array(window);
  #context: AudioContext | undefined;

  /** Measures track under this id from now on; undefined: nothing. */
  set(id: Id, track: MediaStreamTrack | undefined): void {
    const before = this.#meters.get(id);
    if (before?.track === track) {
      return;
    }
    before?.source.disconnect();
    this.#meters.delete(id);
    if (track === undefined) {
      return;
    }
    this.#context ??= new AudioContext();
    void this.#context.resume();
    // A context may wait for the first gesture; each new track tries again.
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = new AnalyserNode(this.#context, { fftSize: window });
    source.connect(analyser);
    this.#meters.set(id, { track, source, analyser });
  }

  /** Drops all but these ids. */
  keep(ids: ReadonlySet<Id>): void {
    for (const id of this.#meters.keys()) {
      if (!ids.has(id)) {
        this.set(id, undefined);
      }
    }
  }

  /** The level now; 0 for an id that is not measured. */
  level(id: Id): number {
    const meter = this.#meters.get(id);
    if (meter === undefined) {
      return 0;
    }
    meter.analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) {
      sum += sample * sample;
    }
    return Math.min(1, Math.sqrt(sum / window) * gain);
  }

  dispose(): void {
    for (const { source } of this.#meters.values()) {
      source.disconnect();
    }
    this.#meters.clear();
    void this.#context?.close();
  }
}
