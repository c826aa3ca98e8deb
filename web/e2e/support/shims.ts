/**
 * Scripts that run in a page before the product's own code and make the
 * browser behave as the order matrix of the wire oracle asks. They touch
 * platform objects only; the product runs as it is shipped.
 */

/** When a sender's transform really reaches the browser. */
export type Attach = "in-task" | "microtask" | "after-local-description" | "two-seconds-late";

export interface Sabotage {
  readonly attach: Attach;
  /**
   * false takes the protection out: the peer connection is made without
   * encodedInsertableStreams, and a sender says that it holds a transform that
   * it does not have yet.
   */
  readonly flag: boolean;
}

/** The script for one row of the order matrix. */
export function orderShim(sabotage: Sabotage): string {
  return `(${install.toString()})(${JSON.stringify(sabotage)})`;
}

/** What the shims leave on the page for tests to act on. */
export interface Handles {
  readonly peers: RTCPeerConnection[];
  readonly workers: Worker[];
}

declare global {
  interface Window {
    conclaveTest?: Handles;
  }
}

function install(sabotage: Sabotage): void {
  const handles: Handles = { peers: [], workers: [] };
  window.conclaveTest = handles;

  const NativePeer = window.RTCPeerConnection;
  class Peer extends NativePeer {
    constructor(configuration?: RTCConfiguration) {
      const changed = { ...configuration } as Record<string, unknown>;
      if (!sabotage.flag) delete changed["encodedInsertableStreams"];
      super(changed as RTCConfiguration);
      handles.peers.push(this);
    }
  }
  window.RTCPeerConnection = Peer;

  const NativeWorker = window.Worker;
  window.Worker = class extends NativeWorker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      handles.workers.push(this);
    }
  };

  if (sabotage.attach === "in-task") return;
  const waiting: (() => void)[] = [];
  const property = Object.getOwnPropertyDescriptor(RTCRtpSender.prototype, "transform");
  if (!property?.set || !property.get) throw new Error("this browser has no RTCRtpSender.transform");
  const { get, set } = property;
  const claimed = new WeakMap<RTCRtpSender, unknown>();
  Object.defineProperty(RTCRtpSender.prototype, "transform", {
    ...property,
    get(this: RTCRtpSender) {
      return sabotage.flag ? (get.call(this) as unknown) : claimed.get(this);
    },
    set(this: RTCRtpSender, value: unknown) {
      claimed.set(this, value);
      const attach = (): void => set.call(this, value);
      if (sabotage.attach === "microtask") queueMicrotask(attach);
      else if (sabotage.attach === "two-seconds-late") setTimeout(attach, 2000);
      else waiting.push(attach);
    },
  });
  const local = NativePeer.prototype.setLocalDescription;
  NativePeer.prototype.setLocalDescription = async function (this: RTCPeerConnection, ...args: unknown[]) {
    await (local as (...a: unknown[]) => Promise<void>).apply(this, args);
    setTimeout(() => {
      for (const attach of waiting.splice(0)) attach();
    }, 50);
  } as typeof local;
}
