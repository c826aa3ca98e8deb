import type { AccountClient } from "../account/types.ts";
import type { MessagesClient } from "../messages/types.ts";
import type { CreateEngine, NewLink } from "../engine/types.ts";

/** What the interface needs from below: a way to make links and calls, and the account of this browser. */
export interface Door {
  readonly create: CreateEngine;
  readonly newLink: NewLink;
  /** Loads and opens the account. Rejects with an AccountError. */
  readonly openAccount: () => Promise<AccountClient>;
  /** Opens the messenger of an account that is ready; absent: this client has none. */
  readonly openMessages?: (account: AccountClient) => Promise<MessagesClient>;
}
