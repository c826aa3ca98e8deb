import { AccountError } from "./account-error.ts";

/** What the server asks for and what the browser answers, both as JSON of WebAuthn Level 3, Section 5.1. */
export interface PasskeyAnswer {
  /** PublicKeyCredential.toJSON() without the results of the prf extension. */
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
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(
        inner(options) as PublicKeyCredentialCreationOptionsJSON,
      ),
    }),
  );
}

/** Signs in with a passkey. Rejects with an AccountError `cancelled` or `passkey`. */
export function getPasskey(options: unknown): Promise<PasskeyAnswer> {
  return ask(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(
        inner(options) as PublicKeyCredentialRequestOptionsJSON,
      ),
    }),
  );
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
  return { credential: withoutPrf(answer.toJSON()), id: base64url(answer.rawId), prf: first ? base64url(first) : "" };
}

/** Takes the results of the prf extension out: with them the server could open what they seal. */
export function withoutPrf(credential: unknown): unknown {
  const copy = structuredClone(credential) as {
    clientExtensionResults?: { prf?: { results?: unknown } };
  };
  delete copy.clientExtensionResults?.prf?.results;
  return copy;
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
