import type { AccountFault } from "../account-error.ts";

/* Everything that the page and the account worker say to each other. Keys are not among it. */

/** What the page asks; each request is answered once. */
export type AccountRequest =
  | { readonly kind: "open"; readonly deviceName: string; readonly steal: boolean }
  | { readonly kind: "unlock"; readonly passphrase: string }
  | { readonly kind: "has-lock" }
  | { readonly kind: "set-lock"; readonly passphrase: string }
  | { readonly kind: "call"; readonly method: string; readonly args: readonly unknown[] };

export type ToAccount = AccountRequest & { readonly request: number };

/** `taken`: another tab has the account now, and this worker answers no more. */
export type FromAccount =
  | { readonly kind: "ready" }
  | { readonly kind: "broken"; readonly message: string }
  | { readonly kind: "taken" }
  | { readonly kind: "result"; readonly request: number; readonly result: unknown }
  | { readonly kind: "fault"; readonly request: number; readonly fault: AccountFault };

