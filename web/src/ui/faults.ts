import type { FailureCode } from "../engine/types.ts";

const codes: readonly FailureCode[] = [
  "link-wrong",
  "link-expired",
  "room-full",
  "lost",
  "downgrade",
  "transport",
  "no-insertable",
  "other-tab",
  "second-meeting",
  "removed",
  "unknown",
];

export interface Fault {
  readonly code: FailureCode;
  readonly detail: string;
  readonly limit?: number;
}

/** Reads what an engine that could not be made threw: {code, message}, or anything. */
export function faultOf(thrown: unknown): Fault {
  const part = (key: string): unknown =>
    typeof thrown === "object" && thrown !== null ? (thrown as Record<string, unknown>)[key] : undefined;
  const message = part("message");
  const code = codes.find((known) => known === part("code")) ?? "unknown";
  return { code, detail: typeof message === "string" ? message.slice(0, 500) : "" };
}

/** Four hexadecimal digits that name a fault without its words, to read to an administrator. */
export function shortCode(detail: string): string {
  let sum = 0x811c;
  for (const letter of detail) sum = ((sum ^ (letter.codePointAt(0) ?? 0)) * 0x0193) & 0xffff;
  return sum.toString(16).padStart(4, "0");
}
