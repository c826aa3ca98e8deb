import type { MeetingHandle, Output, Outputs } from "../bridge.d.ts";
import type { Command, FromSession } from "./messages.ts";

/** What a meeting needs around it. */
export interface Surroundings {
  readonly socket: {
    connect(delayMs: number): void;
    send(frame: Uint8Array<ArrayBuffer>): void;
    close(): void;
  };
  readonly keys: {
    /** A new stay begins. */
    reset(): void;
    /** Takes the keys of an epoch. Never rejects. */
    begin(keys: Extract<Output, { kind: "keys" }>): Promise<void>;
    /** All keys are worth nothing from now on; others may follow. */
    drop(): void;
    /** The stay is over. */
    end(): void;
  };
  toPage(message: FromSession): void;
  now(): number;
}

/**
 * Runs one meeting of the Go side: carries out what it asks for, in order,
 * and calls it again in time. It decides nothing.
 */
export class Meeting {
  readonly #handle: MeetingHandle;
  readonly #around: Surroundings;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(handle: MeetingHandle, around: Surroundings) {
    this.#handle = handle;
    this.#around = around;
    this.#carryOut("open", handle.poll());
  }

  connected(): void {
    this.#run("open", (now) => this.#handle.connected(now));
  }

  disconnected(): void {
    this.#run("open", (now) => this.#handle.disconnected(now));
  }

  received(frame: Uint8Array<ArrayBuffer>): void {
    this.#run("open", (now) => this.#handle.receive(now, frame));
  }

  /** Carries out what the page asks. */
  command(command: Command): void {
    this.#run(command.kind, (now) => this.#ask(now, command));
  }

  /** Ends it without a word to the server. */
  dispose(): void {
    if (!this.#over) {
      this.#over = true;
      clearTimeout(this.#timer);
      this.#around.socket.close();
      this.#handle.dispose();
    }
  }

  #ask(now: number, command: Command): Outputs {
    const handle = this.#handle;
    switch (command.kind) {
      case "chat":
        return handle.sendChat(now, command.text);
      case "retry-chat":
        return handle.retryChat(now, command.id);
      case "state":
        return handle.setState(now, command.state);
      case "publish":
        return handle.publish(now, command.sdp, command.streams);
      case "answer":
        return handle.answerSubscribe(now, command.generation, command.sdp);
      case "view":
        return handle.view(now, command.items);
      case "key-frame":
        return handle.requestKeyFrame(now, command.stream);
      case "restart-subscribe":
        return handle.restartSubscribe(now);
      case "leave":
        return handle.leave(now);
      default:
        return unreachable(command);
    }
  }

  #run(what: Command["kind"] | "open", act: (now: number) => Outputs): void {
    if (!this.#over) {
      this.#carryOut(what, act(this.#around.now()));
    }
  }

  #carryOut(command: Command["kind"] | "open", outputs: Outputs): void {
    if ("code" in outputs) {
      this.#around.toPage({ kind: "refused", command, error: outputs });
    } else {
      for (const output of outputs) {
        this.#one(output);
      }
    }
    this.#wakeInTime();
  }

  #one(output: Output): void {
    const { socket, keys, toPage } = this.#around;
    switch (output.kind) {
      case "send":
        socket.send(output.frame);
        return;
      case "connect":
        socket.connect(output.delayMs);
        return;
      case "close":
        socket.close();
        return;
      case "keys":
        void keys.begin(output);
        toPage({ kind: "epoch", epoch: output.epoch, self: output.self });
        return;
      case "keysGone":
        keys.drop();
        return;
      case "joined":
        if (!output.resumed) {
          keys.reset();
        }
        toPage({ kind: "output", output });
        return;
      case "failed":
      case "left":
        keys.end();
        toPage({ kind: "output", output });
        return;
      default:
        toPage({ kind: "output", output });
    }
  }

  #wakeInTime(): void {
    clearTimeout(this.#timer);
    const at = this.#handle.wake();
    if (at !== undefined && !this.#over) {
      const delay = Math.max(0, at - this.#around.now());
      this.#timer = setTimeout(() => this.#run("open", (now) => this.#handle.tick(now)), delay);
    }
  }
}

function unreachable(_value: never): never {
  throw new Error("session worker: internal error: unreachable");
}
