/*
 * The session worker: the Go side of the client, its connection to the
 * server, and the source of all media keys.
 */
import type { ConclaveDoor } from "../bridge.d.ts";
import { openDoor } from "./door.ts";
import { Handover } from "./handover.ts";
import { KeyForwarder } from "./key-forwarder.ts";
import { Meeting } from "./meeting.ts";
import type { FromSession, ToSession } from "./messages.ts";
import { Socket } from "./socket.ts";

/** What is used of the worker's global scope. */
interface Scope {
  readonly location: { readonly origin: string };
  onmessage: ((event: MessageEvent<ToSession>) => void) | null;
  postMessage(message: FromSession): void;
}

const scope = globalThis as unknown as Scope;
let meeting: Meeting | undefined;

const post = (message: FromSession): void => scope.postMessage(message);

/** Which port gets keys, and what that does and does not stop, says Handover. */
const keys = new Handover(
  new KeyForwarder(() => {
    // In this order: the page joins anew when it hears that the keys are broken.
    post({ kind: "keys-broken" });
    meeting?.command({ kind: "leave" });
  }),
);

function open(door: ConclaveDoor, message: Extract<ToSession, { kind: "open" }>): void {
  meeting?.dispose();
  keys.end();
  const { url, create, name } = message;
  const opened = door.newMeeting({ url, create, name });
  if ("code" in opened) {
    post({ kind: "refused", command: "open", error: opened });
    return;
  }
  const address = new URL("/api/v1/connect", scope.location.origin.replace(/^http/, "ws"));
  const socket = new Socket(address.href, {
    connected: () => meeting?.connected(),
    received: (frame) => meeting?.received(frame),
    disconnected: () => meeting?.disconnected(),
  });
  meeting = new Meeting(opened, { socket, keys, toPage: post, now: () => Date.now() });
}

function handle(door: ConclaveDoor, message: ToSession): void {
  switch (message.kind) {
    case "new-link":
      post({ kind: "link", request: message.request, link: door.newLink(message.base) });
      return;
    case "parse-link": {
      const link = door.parseLink(message.url);
      const { request, url } = message;
      post({ kind: "link", request, link: "code" in link ? link : { url, meeting: link.meeting } });
      return;
    }
    case "open":
      open(door, message);
      return;
    case "keys-to":
      keys.attach(message.stay, message.port);
      return;
    case "media-gone":
      keys.gone(message.stay);
      return;
    default:
      meeting?.command(message);
  }
}

function broken(message: string): void {
  keys.end();
  post({ kind: "broken", message });
}

async function start(): Promise<void> {
  try {
    const door = await openDoor(scope.location.origin, () => broken("the program ended"));
    scope.onmessage = ({ data }) => handle(door, data);
    post({ kind: "ready" });
  } catch (error) {
    broken(error instanceof Error ? error.message : "not loaded");
  }
}

await start();
