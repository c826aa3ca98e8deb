/*
 * The media worker: the one place where frames are sealed and opened. Keys
 * come over a port from the session worker; the page only names slots.
 */
import type { FromMedia, KeyMessage, KeyRequest, SlotOptions, ToMedia } from "./messages.ts";
import { Slots, type Transformer } from "./slots.ts";

/** How often counts are posted without being asked for. */
const reportMs = 250;

/** What the worker's global scope has of WebRTC Encoded Transform, section 5. */
interface TransformScope {
  onrtctransform:
    ((event: { readonly transformer: Transformer & { readonly options: unknown } }) => void) | null;
  onmessage: ((event: MessageEvent<ToMedia>) => void) | null;
  postMessage(message: FromMedia): void;
}

const scope = globalThis as unknown as TransformScope;
let session: MessagePort | undefined;

const slots = new Slots({
  toPage: (message) => scope.postMessage(message),
  toSession: (request: KeyRequest) => session?.postMessage(request),
  now: () => performance.now(),
});

scope.onrtctransform = ({ transformer }) => void slots.run(transformer.options as SlotOptions, transformer);

scope.onmessage = ({ data }) => {
  if (data.kind === "keys-from") {
    session?.close();
    session = data.port;
    session.onmessage = (event: MessageEvent<KeyMessage>) => slots.receiveKeys(event.data);
    session.onmessageerror = () => slots.unreadable();
    return;
  }
  slots.handle(data);
};

setInterval(() => slots.tick(), reportMs);

scope.postMessage({ kind: "ready" });
