// The part of the peer that runs in the browser. See ../../README.md for what
// core-crypto cannot do.
import * as cc from "./corecrypto.js";

class Unsupported extends Error {
  name = "Unsupported";
}

const fromBase64 = (text) => Uint8Array.from(atob(text ?? ""), (c) => c.charCodeAt(0));
const toBase64 = (bytes) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));

// core-crypto hands out and takes these without the frame of RFC 9420, Section 6.
const wireFormats = { welcome: 3, groupInfo: 4, keyPackage: 5 };

const frame = (format, bytes) => toBase64([0, 1, 0, wireFormats[format], ...bytes]);

function unframe(format, text) {
  const bytes = fromBase64(text);
  const wanted = [0, 1, 0, wireFormats[format]];
  if (!wanted.every((b, i) => bytes[i] === b)) throw new TypeError(`not an MLSMessage with a ${format}`);
  return bytes.subarray(4);
}

const clients = new Map(); // identity -> Client
const handles = new Map(); // name of a key package -> Client
const groups = new Map(); // name -> {client, id, suite, info}
let names = 0;

/**
 * One device: identity is "uuid:device in hex@domain". core-crypto hands a commit
 * to its transport and takes what that says as the delivery service's word: an
 * answer merges the commit, an error discards it.
 */
class Client {
  #core;
  #credentials = new Map(); // suite -> reference
  #onBundle;
  /** The commit that waits for merge or discard. */
  pending;

  async open(identity) {
    const [, user, device, domain] = /^([^:]+):([^@]+)@(.+)$/.exec(identity) ?? [];
    if (domain === undefined) throw new Unsupported("an identity that is not uuid:device@domain");
    this.#core = cc.CoreCrypto.new(await cc.Database.inMemory());
    this.id = new cc.ClientId(new cc.Uuid(user), cc.DeviceId.fromHexString(device), domain);
    const transport = {
      sendCommitBundle: (bundle) => this.#onBundle(bundle),
      prepareForTransport: () => Promise.reject(new Unsupported("history sharing")),
    };
    await this.run((context) => context.mlsInit(this.id, transport));
    return this;
  }

  run(step) {
    if (this.pending !== undefined) throw new Unsupported("a request while a commit is pending");
    return this.#core.transaction(step);
  }

  async credential(suite) {
    if (!this.#credentials.has(suite)) {
      const made = cc.Credential.basic(cc.cipherSuiteFromU16(suite), this.id);
      this.#credentials.set(suite, await this.run((context) => context.addCredential(made)));
    }
    return this.#credentials.get(suite);
  }

  /** Runs a step that commits, up to the point where the delivery service is to say yes or no. */
  async commit(step) {
    const transaction = {};
    const bundle = new Promise((resolve, reject) => {
      this.#onBundle = (sent) => {
        resolve(sent);
        return new Promise((accept, refuse) => Object.assign(transaction, { accept, refuse }));
      };
      transaction.done = this.run(step);
      transaction.done.catch(reject);
    });
    const sent = await bundle;
    this.pending = transaction;
    return sent;
  }

  /** Runs a step that commits and says yes at once. */
  async commitAndMerge(step) {
    let sent;
    this.#onBundle = async (bundle) => {
      sent = bundle;
    };
    return [await this.run(step), sent];
  }

  async settle(accepted) {
    const transaction = this.pending;
    if (transaction === undefined) throw new RangeError("no commit is pending");
    this.pending = undefined;
    if (accepted) {
      transaction.accept();
      await transaction.done;
      return;
    }
    const refusal = new cc.MlsTransportError.MessageRejected({ reason: "discarded" });
    transaction.refuse(refusal);
    await transaction.done.catch(() => {});
  }
}

async function client(identity) {
  if (!clients.has(identity)) clients.set(identity, await new Client().open(identity));
  return clients.get(identity);
}

function group(name) {
  const g = groups.get(name);
  if (g === undefined) throw new RangeError(`no group ${name}`);
  return g;
}

function addGroup(owner, id) {
  const name = `g${++names}`;
  groups.set(name, { client: owner, id });
  return name;
}

const epochOf = (owner, id) => owner.run(async (context) => Number(await context.conversationEpoch(id)));
const membersOf = (g) => g.client.run((context) => context.getClientIds(g.id));
const identityOf = (id) => new TextDecoder().decode(id.copyBytes());

/** Says no to what a request asks for and core-crypto has no way to do. */
function refuse(request, wishes) {
  for (const [wish, why] of Object.entries(wishes)) {
    const value = request[wish];
    if (value !== undefined && value !== false && value.length !== 0) throw new Unsupported(why);
  }
}

/** core-crypto commits either pending proposals, or additions, or removals, or an update. */
async function commitStep(g, r) {
  if (r.add?.length > 0) {
    if (r.remove?.length > 0) throw new Unsupported("additions and removals in one commit");
    const packages = r.add.map((text) => new cc.KeyPackage(unframe("keyPackage", text)));
    return (context) => context.addClientsToConversation(g.id, packages);
  }
  if (r.remove?.length > 0) {
    const members = await membersOf(g);
    return (context) => context.removeClientsFromConversation(g.id, r.remove.map((leaf) => members[leaf]));
  }
  if (g.hasProposals) return (context) => context.commitPendingProposals(g.id);
  return (context) => context.updateKeyingMaterial(g.id);
}

const ops = {
  suites: () => ({ suites: [1, 2, 3, 5, 7] }),

  async key_package(r) {
    const owner = await client(r.identity);
    const credential = await owner.credential(r.suite);
    const made = await owner.run((context) => context.generateKeyPackage(credential));
    const name = `kp${++names}`;
    handles.set(name, owner);
    return { key_package: frame("keyPackage", made.serialize()), handle: name };
  },

  async create_group(r) {
    const owner = await client(r.identity);
    const credential = await owner.credential(r.suite);
    const id = new cc.ConversationId(fromBase64(r.group_id));
    await owner.run((context) => context.createConversation(id, credential));
    return { group: addGroup(owner, id), epoch: await epochOf(owner, id) };
  },

  async commit(r) {
    refuse(r, { psk: "pre-shared keys" });
    if (r.public !== true) throw new Unsupported("handshakes as PrivateMessage");
    const g = group(r.group);
    const bundle = await g.client.commit(await commitStep(g, r));
    g.nextInfo = bundle.groupInfo.payload;
    return {
      commit: toBase64(bundle.commit),
      welcome: bundle.welcome && toBase64(bundle.welcome.serialize()),
      group_info: toBase64(g.nextInfo),
    };
  },

  async merge(r) {
    const g = group(r.group);
    await g.client.settle(true);
    g.info = g.nextInfo;
    g.hasProposals = false;
    return { epoch: await epochOf(g.client, g.id) };
  },

  async discard(r) {
    const g = group(r.group);
    await g.client.settle(false);
    return { epoch: await epochOf(g.client, g.id) };
  },

  async handle(r) {
    const g = group(r.group);
    if (g.client.pending !== undefined) await g.client.settle(false); // another commit has won
    const before = await membersOf(g);
    const { tag, inner } = await g.client.run((context) => context.decryptMessage(g.id, fromBase64(r.message)));
    if (tag === "Text") {
      const sender = before.findIndex((id) => id.equals(inner.senderClientId));
      return { kind: "application", sender, plaintext: toBase64(inner.plaintext) };
    }
    g.hasProposals = tag === "Proposal";
    if (tag === "Proposal") return { kind: "proposal" };
    g.info = undefined;
    if (!inner.isActive) return { kind: "commit", removed: true };
    return { kind: "commit", epoch: await epochOf(g.client, g.id), removed: false };
  },

  async join_welcome(r) {
    refuse(r, { ratchet_tree: "a tree beside the Welcome" });
    const owner = handles.get(r.handle);
    if (owner === undefined) throw new RangeError(`no key package ${r.handle}`);
    const welcome = new cc.Welcome(fromBase64(r.welcome));
    const id = await owner.run((context) => context.processWelcomeMessage(welcome));
    handles.delete(r.handle);
    const name = addGroup(owner, id);
    const leaf = (await membersOf(groups.get(name))).findIndex((member) => member.equals(owner.id));
    return { group: name, epoch: await epochOf(owner, id), leaf };
  },

  group_info(r) {
    const { info } = group(r.group);
    if (info === undefined) throw new Unsupported("a GroupInfo other than that of an own commit");
    return { group_info: toBase64(info) };
  },

  async external_join(r) {
    refuse(r, { ratchet_tree: "a tree beside the GroupInfo" });
    const owner = await client(r.identity);
    const credential = await owner.credential(r.suite);
    const info = new cc.GroupInfo(unframe("groupInfo", r.group_info));
    const [id, bundle] = await owner.commitAndMerge((context) => context.joinByExternalCommit(info, credential));
    return { group: addGroup(owner, id), commit: toBase64(bundle.commit), epoch: await epochOf(owner, id) };
  },

  async protect(r) {
    refuse(r, { aad: "authenticated data of an application message" });
    const g = group(r.group);
    const made = await g.client.run((context) => context.encryptMessage(g.id, fromBase64(r.plaintext)));
    return { message: toBase64(made) };
  },

  async export(r) {
    if (r.label !== "exporter" || r.context) throw new Unsupported("a label other than exporter, or a context");
    const g = group(r.group);
    const key = await g.client.run((context) => context.exportSecretKey(g.id, r.length));
    return { secret: toBase64(key.copyBytes()) };
  },

  async members(r) {
    const members = await membersOf(group(r.group));
    return { members: members.map((id, leaf) => ({ leaf, identity: identityOf(id) })) };
  },
};

/** core-crypto's errors are variants within variants; the innermost says most. */
function describe(e) {
  const [inner] = Object.values(e.inner ?? {});
  if (inner?.tag !== undefined) return describe(inner);
  return { error: e.tag ?? e.name ?? "Error", message: typeof inner === "string" ? inner : String(e.message ?? e) };
}

await cc.initWasmModule("corecrypto.wasm");
for (;;) {
  const request = await (await fetch("next")).json();
  let said;
  try {
    said = { answer: await ops[request.op](request) };
  } catch (e) {
    said = describe(e);
  }
  await fetch("answer", { method: "POST", body: JSON.stringify(said) });
}
