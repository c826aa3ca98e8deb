/**
 * What went wrong in an account's call. The code is that of the server
 * (api/account.go), of the directory's check (the id of the text), or one of
 * ours: `passkey` and `cancelled` from the browser's dialog, `passphrase`,
 * `offline`, `storage`, `unknown`.
 */
export class AccountError extends Error {
  override readonly name = "AccountError";
  readonly code: string;
  readonly attack: string | undefined;
  readonly triesLeft: number | undefined;
  readonly retryMs: number | undefined;

  constructor(fault: AccountFault) {
    super(`${fault.code}: ${fault.message}`);
    this.code = fault.code;
    this.attack = fault.attack;
    this.triesLeft = fault.triesLeft;
    this.retryMs = fault.retryMs;
  }
}

/** The same as plain data, as it crosses from the worker. */
export interface AccountFault {
  readonly code: string;
  readonly message: string;
  readonly attack?: string;
  readonly triesLeft?: number;
  readonly retryMs?: number;
}

/** Anything thrown, as an AccountError. */
export function toAccountError(error: unknown): AccountError {
  if (error instanceof AccountError) return error;
  return new AccountError({ code: "unknown", message: error instanceof Error ? error.message : "not an error" });
}
