/** A handle as it was typed, without the "@" and the blanks around it. */
export function typedHandle(text: string): string {
  return text.trim().replace(/^@/u, "").normalize("NFC").toLowerCase();
}

export type NameFault = "up.handle.missing" | "up.handle.wrong" | "up.name.missing" | "up.name.long";

/**
 * What is wrong with a handle, as far as can be said at once: 2 to 32 letters,
 * digits, ".", "_", "-". The rest (one script, look-alikes, taken) is decided by
 * the Go side and the server.
 */
export function handleFault(handle: string): NameFault | undefined {
  if (handle === "") return "up.handle.missing";
  return /^(?=.{2,32}$)[\p{L}\p{Nd}]([\p{L}\p{M}\p{Nd}._-]*[\p{L}\p{M}\p{Nd}])?$/u.test(handle)
    ? undefined
    : "up.handle.wrong";
}

/** What is wrong with a name: 1 to 64 bytes. */
export function nameFault(name: string): NameFault | undefined {
  if (name.trim() === "") return "up.name.missing";
  return new TextEncoder().encode(name.trim()).length > 64 ? "up.name.long" : undefined;
}
