/*
 * Sealing one value of the vault: AES-256-GCM with a random nonce of 96 bits
 * (NIST SP 800-38D), the name of the value bound as additional data. One key
 * seals far fewer than 2^32 values: an account stores a few each day.
 */

const version = 1;
const nonceBytes = 12;

/** A key that seals; its bytes cannot be read by scripts. */
export function newVaultKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** Seals a value under its name: version, nonce, ciphertext with tag. */
export async function seal(key: CryptoKey, name: string, value: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const params = { name: "AES-GCM", iv: nonce, additionalData: labelOf(name) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(params, key, new Uint8Array(value)));
  const out = new Uint8Array(1 + nonceBytes + sealed.length);
  out[0] = version;
  out.set(nonce, 1);
  out.set(sealed, 1 + nonceBytes);
  return out;
}

/** Opens a sealed value. Rejects if it was changed, or sealed under another name or key. */
export async function open(key: CryptoKey, name: string, sealed: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (sealed.length < 1 + nonceBytes + 16 || sealed[0] !== version) throw new DamagedError();
  const params = { name: "AES-GCM", iv: sealed.slice(1, 1 + nonceBytes), additionalData: labelOf(name) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(params, key, sealed.slice(1 + nonceBytes)));
  } catch {
    throw new DamagedError();
  }
}

/** What is stored was changed, swapped or cut short, or the key is another one. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";
  constructor() {
    super("the vault of this browser was changed from outside");
  }
}

function labelOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(`Conclave 1.0 web vault ${name}`));
}
