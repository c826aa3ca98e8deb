/*
 * The app lock: the vault's key wrapped by a key that is made from a
 * passphrase. Without a lock the database holds the vault's key itself, which
 * scripts of this page can use and not read.
 */
import { DamagedError } from "./seal.ts";

/** Makes 32 bytes from a passphrase: Argon2id, in the Go side. */
export type Stretch = (passphrase: string, salt: Uint8Array) => Promise<Uint8Array>;

/** The vault's key as the database holds it. */
export type KeptKey =
  | { readonly kind: "plain"; readonly key: CryptoKey }
  | { readonly kind: "locked"; readonly salt: Uint8Array; readonly wrapped: Uint8Array };

/** The passphrase does not open the vault. */
export class PassphraseError extends Error {
  override readonly name = "PassphraseError";
  constructor() {
    super("this passphrase does not open the vault");
  }
}

/** Makes a new vault key and the form of it that only the passphrase opens. */
export async function lockedKey(
  passphrase: string,
  stretch: Stretch,
): Promise<{ key: CryptoKey; kept: KeptKey }> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const raw = crypto.getRandomValues(new Uint8Array(32));
  try {
    const params = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: label };
    // Each wrapping key comes from a new salt and wraps once, so its nonce may be zero.
    const wrapped = await crypto.subtle.encrypt(params, await wrapper(passphrase, salt, stretch), raw);
    return { key: await vaultKey(raw), kept: { kind: "locked", salt, wrapped: new Uint8Array(wrapped) } };
  } finally {
    raw.fill(0);
  }
}

/** Opens a locked vault key. Rejects with a PassphraseError. */
export async function unlockKey(kept: KeptKey, passphrase: string, stretch: Stretch): Promise<CryptoKey> {
  if (kept.kind === "plain") return kept.key;
  const { salt, wrapped } = kept;
  if (salt.length !== 16 || wrapped.length !== 48) throw new DamagedError();
  const params = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: label };
  const by = await wrapper(passphrase, salt, stretch);
  let raw: Uint8Array<ArrayBuffer>;
  try {
    raw = new Uint8Array(await crypto.subtle.decrypt(params, by, new Uint8Array(wrapped)));
  } catch {
    throw new PassphraseError();
  }
  try {
    return await vaultKey(raw);
  } finally {
    raw.fill(0);
  }
}

const label = new Uint8Array(new TextEncoder().encode("Conclave 1.0 web vault lock"));

async function wrapper(passphrase: string, salt: Uint8Array, stretch: Stretch): Promise<CryptoKey> {
  const raw = await stretch(passphrase, salt);
  try {
    return await crypto.subtle.importKey("raw", new Uint8Array(raw), "AES-GCM", false, ["encrypt", "decrypt"]);
  } finally {
    raw.fill(0);
  }
}

function vaultKey(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}
