import { AccountError } from "./account-error.ts";

/** What the server asks for and what the browser answers, both as JSON of WebAuthn Level 3, Section 5.1. */
export interface PasskeyAnswer {
  /** PublicKeyCredential.toJSON() without the results of extensions. */
  readonly credential: unknown;
  /** The passkey's id, base64url. */
  readonly id: string;
  /** The first result of the prf extension, base64url, empty if the passkey has none. It never leaves this device. */
  readonly prf: string;
}

/** Whether this browser has passkeys. */
export function hasPasskeys(): boolean {
  return (
    typeof PublicKeyCredential === "function" &&
    typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function"
  );
}

/** Makes a passkey. Rejects with an AccountError `cancelled` or `passkey`. */
export function createPasskey(options: unknown): Promise<PasskeyAnswer> {
  return ask(() =>
    navigator.credentials.create({
      publicKey: {
        ...PublicKeyCredential.parseCreationOptionsFromJSON(
          inner(options) as PublicKeyCredentialCreationOptionsJSON,
        ),
        extensions: extensions(),
      },
    }),
  );
}

/** Signs in with a passkey. Rejects with an AccountError `cancelled` or `passkey`. */
export function getPasskey(options: unknown): Promise<PasskeyAnswer> {
  return ask(() =>
    navigator.credentials.get({
      publicKey: {
        ...PublicKeyCredential.parseRequestOptionsFromJSON(inner(options) as PublicKeyCredentialRequestOptionsJSON),
        extensions: extensions(),
      },
    }),
  );
}

/** What is asked of the passkey besides: nothing that the server names, since another input gives another key. */
function extensions(): AuthenticationExtensionsClientInputs {
  return { prf: { eval: { first: new TextEncoder().encode("Conclave 1.0 passkey backup key") } } };
}

function inner(options: unknown): unknown {
  return (options as { readonly publicKey?: unknown } | null)?.publicKey;
}

async function ask(dialog: () => Promise<Credential | null>): Promise<PasskeyAnswer> {
  let answer: Credential | null;
  try {
    answer = await dialog();
  } catch (error) {
    const cancelled = error instanceof DOMException && error.name === "NotAllowedError";
    throw new AccountError({
      code: cancelled ? "cancelled" : "passkey",
      message: error instanceof Error ? error.name : "not an error",
    });
  }
  if (!(answer instanceof PublicKeyCredential))
    throw new AccountError({ code: "passkey", message: "the browser answered with no passkey" });
  const first = answer.getClientExtensionResults().prf?.results?.first;
  return { credential: withoutExtensions(answer.toJSON()), id: base64url(answer.rawId), prf: first ? base64url(first) : "" };
}

/**
 * Takes all results of extensions out: with those of prf the server could open
 * what they seal, and it needs none of the others.
 */
export function withoutExtensions(credential: unknown): unknown {
  return { ...structuredClone(credential as object), clientExtensionResults: {} };
}

/** RFC 4648, Section 5, without padding. */
export function base64url(bytes: BufferSource): string {
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  return btoa(String.fromCodePoint(...view))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
