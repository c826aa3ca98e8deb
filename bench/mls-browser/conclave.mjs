// core/mls, as page.mjs measures it.

/** Verifies [public key, message, signature] triples by WebCrypto, all at once. */
async function verifyAll(checks) {
  const one = async ([key, message, signature]) => {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return crypto.subtle.verify("Ed25519", imported, signature, message);
  };
  const valid = await Promise.all(checks.map((check) => one(check).catch(() => false)));
  return Uint8Array.from(valid, Number);
}

export async function open({ suite, webcrypto }) {
  const go = new Go();
  const { instance } = await WebAssembly.instantiateStreaming(fetch("conclave.wasm"), go.importObject);
  go.run(instance);
  const { conclave } = globalThis;
  const call = (name) => (device, ...rest) => conclave[name](device, ...rest);
  return {
    device: (name) => conclave.device(suite, name, webcrypto ? verifyAll : null),
    ...Object.fromEntries(
      ["keyPackage", "create", "join", "update", "process", "encrypt", "decrypt", "drop"].map((name) => [name, call(name)]),
    ),
    add: async (device, packages) => {
      const [commit, welcome] = await conclave.add(device, packages);
      return { commit, welcome };
    },
  };
}
