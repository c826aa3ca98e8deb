import type { OutSlot, OutStream, StreamKind } from "../bridge.d.ts";
import type { Expectation } from "../media-worker/messages.ts";
import { type Context, contexts } from "../sframe/kid.ts";

const contextOf: Readonly<Record<StreamKind, Context>> = {
  microphone: contexts.microphone,
  camera: contexts.camera,
  screen: contexts.screen,
  "screen-audio": contexts.screenAudio,
};

/** What an m-line carries: whose stream, of what kind, and since which change. */
export interface Assignment {
  readonly mid: string;
  readonly stream: number;
  readonly index: number;
  readonly kind: StreamKind;
  /** Counts up with each change of this m-line. */
  readonly assignment: number;
  /** Whether the m-line carried another stream before. */
  readonly reused: boolean;
}

/** Where the table says what each m-line may carry. */
export interface Announcements {
  expect(mid: string, expectation: Expectation): void;
  idle(mid: string): void;
}

interface Line {
  assignment: number;
  current: Assignment | undefined;
  /** What was announced last, as text, so that nothing is announced twice. */
  announced: string;
}

/**
 * Which m-line carries which member's stream. A line is announced only when
 * both are known: the server's mapping and whose stream it is.
 */
export class SlotTable {
  readonly #announcements: Announcements;
  readonly #lines = new Map<string, Line>();
  #slots: ReadonlyMap<string, number> = new Map();
  #streams: ReadonlyMap<number, OutStream> = new Map();
  #descriptors: ReadonlySet<string> = new Set();

  constructor(announcements: Announcements) {
    this.#announcements = announcements;
  }

  /** The server's mapping, complete: a line that is not named is idle. */
  setSlots(slots: readonly OutSlot[]): void {
    this.#slots = new Map(slots.map(({ mid, stream }) => [mid, stream]));
    this.#update();
  }

  /** All streams of the meeting. */
  setStreams(streams: readonly OutStream[]): void {
    this.#streams = new Map(streams.map((stream) => [stream.stream, stream]));
    this.#update();
  }

  /** The lines on which the dependency descriptor is negotiated. */
  setDescriptors(mids: ReadonlySet<string>): void {
    this.#descriptors = mids;
    this.#update();
  }

  /** What the lines carry now, idle ones left out. */
  assignments(): Assignment[] {
    return [...this.#lines.values()].flatMap(({ current }) => (current === undefined ? [] : [current]));
  }

  #update(): void {
    for (const mid of new Set([...this.#lines.keys(), ...this.#slots.keys()])) {
      const stream = this.#streams.get(this.#slots.get(mid) ?? 0);
      this.#assign(mid, stream);
    }
  }

  #assign(mid: string, stream: OutStream | undefined): void {
    const line = this.#lines.get(mid) ?? { assignment: 0, current: undefined, announced: "" };
    this.#lines.set(mid, line);
    if (stream === undefined) {
      line.current = undefined;
    } else if (line.current?.stream !== stream.stream || line.current.index !== stream.index) {
      const reused = line.assignment > 0;
      line.assignment++;
      const { index, kind } = stream;
      line.current = { mid, stream: stream.stream, index, kind, assignment: line.assignment, reused };
    }
    this.#announce(mid, line);
  }

  #announce(mid: string, line: Line): void {
    const { current } = line;
    if (current === undefined) {
      if (line.announced !== "") {
        line.announced = "";
        this.#announcements.idle(mid);
      }
      return;
    }
    const expectation: Expectation = {
      assignment: current.assignment,
      index: current.index,
      context: contextOf[current.kind],
      descriptor: this.#descriptors.has(mid),
    };
    const text = JSON.stringify(expectation);
    if (line.announced !== text) {
      line.announced = text;
      this.#announcements.expect(mid, expectation);
    }
  }
}
