import type { FailureCode } from "./types.ts";

/** Why an engine could not be made; the code chooses the words shown. */
export class EngineError extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.name = "EngineError";
    this.code = code;
  }
}
