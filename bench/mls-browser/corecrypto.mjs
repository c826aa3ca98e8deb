// OpenMLS by @wireapp/core-crypto, as page.mjs measures it. A commit is merged as
// soon as core-crypto hands it to its transport.
import * as cc from "./corecrypto.js";

/** A client with a database of its own in memory. */
class Device {
  constructor(name) {
    const text = name.toString(16).padStart(16, "0");
    this.id = new cc.ClientId(new cc.Uuid("00000000-0000-4000-8000-000000000000"), cc.DeviceId.fromHexString(text), "example.org");
  }

  async open(suite) {
    this.core = cc.CoreCrypto.new(await cc.Database.inMemory());
    const transport = {
      sendCommitBundle: async (bundle) => {
        this.bundle = bundle;
      },
      prepareForTransport: () => Promise.reject(new Error("not used")),
    };
    await this.run((context) => context.mlsInit(this.id, transport));
    const made = cc.Credential.basic(suite, this.id);
    this.credential = await this.run((context) => context.addCredential(made));
    return this;
  }

  run(step) {
    return this.core.transaction(step);
  }
}

export async function open({ suite }) {
  await cc.initWasmModule("corecrypto.wasm");
  let names = 0;
  return {
    device: () => new Device(++names).open(cc.cipherSuiteFromU16(suite)),
    keyPackage: (d) => d.run(async (context) => (await context.generateKeyPackage(d.credential)).serialize()),
    create: async (d) => {
      d.group = new cc.ConversationId(crypto.getRandomValues(new Uint8Array(32)));
      await d.run((context) => context.createConversation(d.group, d.credential));
    },
    add: async (d, packages) => {
      await d.run((context) => context.addClientsToConversation(d.group, packages.map((b) => new cc.KeyPackage(b))));
      return { commit: d.bundle.commit, welcome: d.bundle.welcome.serialize() };
    },
    join: async (d, welcome) => {
      d.group = await d.run((context) => context.processWelcomeMessage(new cc.Welcome(welcome)));
    },
    update: async (d) => {
      await d.run((context) => context.updateKeyingMaterial(d.group));
      return d.bundle.commit;
    },
    process: (d, message) => d.run((context) => context.decryptMessage(d.group, message)),
    encrypt: (d, plaintext) => d.run((context) => context.encryptMessage(d.group, plaintext)),
    decrypt: async (d, message) => (await d.run((context) => context.decryptMessage(d.group, message))).inner.plaintext,
    drop: (d) => d.core.uniffiDestroy(),
  };
}
