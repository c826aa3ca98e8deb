/** Frames of the protocol stay far below; what is larger does not come from our server. */
const maxFrame = 4 << 20;

/** Unsent bytes at which the connection counts as stuck. */
const maxBuffered = 4 << 20;

/** What a socket tells its owner. Nothing is told after `close`. */
export interface SocketEvents {
  connected(): void;
  received(frame: Uint8Array<ArrayBuffer>): void;
  disconnected(): void;
}

/** Makes a WebSocket; tests give another one. */
export type Dial = (url: string) => WebSocket;

/** The one connection to the server: opened, lost and opened again. */
export class Socket {
  readonly #url: string;
  readonly #events: SocketEvents;
  readonly #dial: Dial;
  #current: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, events: SocketEvents, dial: Dial = (to) => new WebSocket(to)) {
    this.#url = url;
    this.#events = events;
    this.#dial = dial;
  }

  /** Connects after a delay. What was open before is dropped. */
  connect(delayMs: number): void {
    this.close();
    this.#timer = setTimeout(() => this.#open(), delayMs);
  }

  /** Sends a frame, if there is a connection to send it on. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    const socket = this.#current;
    if (socket === undefined || socket.readyState !== socket.OPEN) {
      return;
    }
    socket.send(frame);
    if (socket.bufferedAmount > maxBuffered) {
      // Later: whoever sends is not called back meanwhile.
      queueMicrotask(() => this.#lose(socket));
    }
  }

  /** Ends the connection after what was sent, and reports nothing more of it. */
  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#current;
    this.#current = undefined;
    socket?.close();
  }

  #open(): void {
    const socket = this.#dial(this.#url);
    socket.binaryType = "arraybuffer";
    this.#current = socket;
    socket.onopen = () => {
      if (this.#current === socket) {
        this.#events.connected();
      }
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.#current !== socket) {
        return;
      }
      if (!(data instanceof ArrayBuffer) || data.byteLength > maxFrame) {
        this.#lose(socket);
        return;
      }
      this.#events.received(new Uint8Array(data));
    };
    socket.onclose = () => this.#lose(socket);
  }

  #lose(socket: WebSocket): void {
    if (this.#current === socket) {
      this.#current = undefined;
      socket.close();
      this.#events.disconnected();
    }
  }
}
