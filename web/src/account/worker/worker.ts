/*
 * The account worker: the keys of this device and everything sealed under them
 * are in its memory only; the page sees what people see.
 */
import { AccountError, type AccountFault } from "../account-error.ts";
import { openShelf } from "../vault/shelf.ts";
import { carry } from "./carry.ts";
import { openAccountDoor } from "./door.ts";
import { Keeper } from "./keeper.ts";
import type { FromAccount, ToAccount } from "./messages.ts";
import { holdAccount } from "./tab-lock.ts";

/** What is used of the worker's global scope. */
interface Scope {
  readonly location: { readonly origin: string };
  readonly navigator: { readonly locks: LockManager };
  onmessage: ((event: MessageEvent<ToAccount>) => void) | null;
  postMessage(message: FromAccount): void;
}

const scope = globalThis as unknown as Scope;
const post = (message: FromAccount): void => scope.postMessage(message);

function faultOf(error: unknown): AccountFault {
  if (error instanceof AccountError) {
    const { code, message, attack, triesLeft, retryMs } = error;
    return {
      code,
      message,
      ...(attack !== undefined && { attack }),
      ...(triesLeft !== undefined && { triesLeft }),
      ...(retryMs !== undefined && { retryMs }),
    };
  }
  return { code: "unknown", message: error instanceof Error ? error.message : "not an error" };
}

async function start(): Promise<void> {
  try {
    const { origin } = scope.location;
    const door = await openAccountDoor(origin, () => post({ kind: "broken", message: "the program ended" }));
    const keeper = new Keeper({
      door,
      shelf: openShelf,
      carry: (request) => carry(origin, request),
      hold: (steal) => holdAccount(scope.navigator.locks, steal, () => {
          keeper.taken();
          post({ kind: "taken" });
        }),
    });
    scope.onmessage = ({ data: { request, ...asked } }) => {
      keeper.answer(asked).then(
        (result) => post({ kind: "result", request, result }),
        (error: unknown) => post({ kind: "fault", request, fault: faultOf(error) }),
      );
    };
    post({ kind: "ready" });
  } catch (error) {
    post({ kind: "broken", message: error instanceof Error ? error.message : "not loaded" });
  }
}

await start();
