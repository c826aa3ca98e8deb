// What a ts-mls client needs besides its groups: suites, credentials, key packages.
import * as mls from "ts-mls";
import { toBase64, Unsupported } from "../lines.mjs";

/** The suites of RFC 9420. In usable, ts-mls makes what others can read. */
export const suiteNames = new Map([
  [1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"],
  [2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"],
  [3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519"],
  [5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521"],
  [7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"],
]);

/** Those in which ts-mls makes what others can read. */
export const usable = [1, 3];

const suites = new Map();

export async function suite(id) {
  const name = suiteNames.get(id);
  if (name === undefined) throw new Unsupported(`suite ${id}`);
  if (!suites.has(id)) {
    const impl = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(name));
    suites.set(id, { ...impl, id });
  }
  return suites.get(id);
}

/** The configuration of a client that adds so many bytes of padding. */
export const config = (paddingLength) => ({
  keyRetentionConfig: mls.defaultKeyRetentionConfig,
  lifetimeConfig: mls.defaultLifetimeConfig,
  keyPackageEqualityConfig: mls.defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: "alwaysPad", paddingLength },
  authService: mls.defaultAuthenticationService,
});

export const clientConfig = config(0);

const hour = 3600n;

/** ts-mls's own default lifetime is for ever, which RFC 9420, Section 7.2 does not let a receiver take. */
function lifetime() {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { notBefore: now - hour, notAfter: now + 24n * hour };
}

export function newKeyPackage(identity, impl) {
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(identity) };
  return mls.generateKeyPackage(credential, mls.defaultCapabilities(), lifetime(), [], impl);
}

export const keyPackage = (value) =>
  toBase64(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: value }));
