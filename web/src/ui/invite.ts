/** What a pasted text is: the path of a meeting on this server, or why it is none. */
export type Invite =
  { readonly kind: "meeting"; readonly path: string } | { readonly kind: "empty" | "wrong" | "other-server" };

const longest = 2048; // characters; an invite link has about 80
// docs/protocol.md, Section 1: the meeting id is base32 of 10 bytes, the secret base64url of 16.
const meetingPath = /^\/m\/[a-z2-7]{16}$/u;
const secret = /^#[A-Za-z0-9_-]{22}$/u;

/** Reads a pasted invite link, with or without its "https://". The secret is checked by the engine. */
export function parseInvite(pasted: string, origin: string): Invite {
  const text = pasted.trim();
  if (text === "") return { kind: "empty" };
  if (text.length > longest || /\s/u.test(text)) return { kind: "wrong" };
  const whole = /^[a-z]+:\/\//iu.test(text)
    ? text
    : `${new URL(origin).protocol}//${text.replace(/^\/+/u, "")}`;
  if (!URL.canParse(whole)) return { kind: "wrong" };
  const url = new URL(whole);
  if (!meetingPath.test(url.pathname) || !secret.test(url.hash)) return { kind: "wrong" };
  if (url.origin !== origin) return { kind: "other-server" };
  return { kind: "meeting", path: url.pathname + url.hash };
}
