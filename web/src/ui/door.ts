import type { AccountClient } from "../account/types.ts";
import type { CreateEngine, NewLink } from "../engine/types.ts";

/** What the interface needs from below: a way to make links and calls, and the account of this browser. */
export interface Door {
  readonly create: CreateEngine;
  readonly newLink: NewLink;
  /** Loads and opens the account. Rejects with an AccountError. */
  readonly openAccount: () => Promise<AccountClient>;
}
