// Drives ts-mls by the JSON lines of cmd/mls-interop. One process holds any
// number of clients and groups. See ../../README.md for what ts-mls cannot do.
import * as mls from "ts-mls";
import { decodeExtension } from "ts-mls/extension.js";
import { decodeVarLenType } from "ts-mls/codec/variableLength.js";
import { createGroupInfo } from "ts-mls/createCommit.js";
import { signLeafNodeCommit } from "ts-mls/leafNode.js";
import { updateLeafKey } from "ts-mls/privateKeyPath.js";
import { decryptSenderData } from "ts-mls/privateMessage.js";
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js";
import { clientConfig, config, keyPackage, newKeyPackage, suite, suiteNames, usable } from "./client.mjs";
import { fromBase64, serve, toBase64, Unsupported } from "../lines.mjs";

const handles = new Map(); // name -> key package with its private keys
const groups = new Map(); // name -> {suite, state, pending, updates}
const psks = {}; // base64 of the id -> secret
let names = 0;

function message(wireformat, field, value) {
  return toBase64(mls.encodeMlsMessage({ version: "mls10", wireformat, [field]: value }));
}

/** Reads an MLSMessage of the one kind that is wanted, with nothing behind it. */
function parse(text, ...wanted) {
  const bytes = fromBase64(text);
  const [parsed, length] = mls.decodeMlsMessage(bytes, 0) ?? [];
  if (parsed === undefined || length !== bytes.length) throw new TypeError("not an MLSMessage");
  if (!wanted.includes(parsed.wireformat)) throw new TypeError(`unexpected ${parsed.wireformat}`);
  return parsed;
}

function extensions(text) {
  const bytes = fromBase64(text);
  const [list, length] = decodeVarLenType(decodeExtension)(bytes, 0) ?? [];
  if (list === undefined || length !== bytes.length) throw new TypeError("not a list of extensions");
  return list;
}

function tree(text) {
  return text === undefined ? undefined : decodeRatchetTree(fromBase64(text), 0)[0];
}

function group(name) {
  const g = groups.get(name);
  if (g === undefined) throw new RangeError(`no group ${name}`);
  return g;
}

function addGroup(impl, state) {
  const name = `g${++names}`;
  groups.set(name, { impl, state, pending: undefined, updates: [] });
  return name;
}

const epoch = (state) => Number(state.groupContext.epoch);
const pskIndex = (g) => mls.makePskIndex(g?.state, psks);

function pskProposal(g, id) {
  const pskNonce = g.impl.rng.randomBytes(g.impl.kdf.size);
  return { proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId: fromBase64(id), pskNonce } } };
}

const addProposal = (text) => ({
  proposalType: "add",
  add: { keyPackage: parse(text, "mls_key_package").keyPackage },
});
const removeProposal = (leaf) => ({ proposalType: "remove", remove: { removed: leaf } });

/** ts-mls has no function for an Update, so the leaf is made of its parts; the key waits for a commit. */
async function updateProposal(g) {
  const leafIndex = g.state.privatePath.leafIndex;
  const old = g.state.ratchetTree[2 * leafIndex].leaf;
  const key = await g.impl.hpke.generateKeyPair();
  const info = { leafNodeSource: "update", extensions: old.extensions, groupId: g.state.groupContext.groupId, leafIndex };
  const { credential, capabilities, signaturePublicKey } = old;
  const hpkePublicKey = await g.impl.hpke.exportPublicKey(key.publicKey);
  const tbs = { hpkePublicKey, signaturePublicKey, credential, capabilities, ...info };
  // The name says commit; what it signs is the LeafNodeTBS it is handed.
  const leafNode = await signLeafNodeCommit(tbs, g.state.signaturePrivateKey, g.impl.signature);
  g.updates.push({ publicKey: hpkePublicKey, privateKey: await g.impl.hpke.exportPrivateKey(key.privateKey) });
  return { proposalType: "update", update: { leafNode } };
}

/**
 * A GroupInfo for external commits. ts-mls's own writes the key into external_pub
 * bare, where RFC 9420, Section 12.4.3.2 has an HPKEPublicKey, with its length.
 */
async function groupInfo(state, impl, withTree) {
  const { publicKey } = await impl.hpke.deriveKeyPair(state.keySchedule.externalSecret);
  const key = await impl.hpke.exportPublicKey(publicKey);
  const list = [{ extensionType: "external_pub", extensionData: Uint8Array.of(key.length, ...key) }];
  if (withTree) list.push({ extensionType: "ratchet_tree", extensionData: encodeRatchetTree(state.ratchetTree) });
  const info = await createGroupInfo(state.groupContext, state.confirmationTag, state, list, impl);
  return message("mls_group_info", "groupInfo", info);
}

/** The suite with a KEM that takes info's external_pub as it should be; ts-mls hands it the whole extension. */
function readingExternalPub(impl, info) {
  const whole = info.extensions.find((e) => e.extensionType === "external_pub")?.extensionData;
  const importPublicKey = (key) => impl.hpke.importPublicKey(key === whole ? key.subarray(1) : key);
  return { ...impl, hpke: { ...impl.hpke, importPublicKey } };
}

function proposal(g, r) {
  switch (r.kind) {
    case "add":
      return addProposal(r.key_package);
    case "remove":
      return removeProposal(r.leaf);
    case "update":
      return updateProposal(g);
    case "psk":
      return pskProposal(g, r.psk_id);
    case "gce":
      return { proposalType: "group_context_extensions", groupContextExtensions: { extensions: extensions(r.extensions) } };
    case "reinit":
      return {
        proposalType: "reinit",
        reinit: {
          groupId: fromBase64(r.group_id), version: "mls10",
          cipherSuite: suiteNames.get(r.suite), extensions: extensions(r.extensions ?? "AA=="),
        },
      };
    default:
      throw new Unsupported(`no proposal of kind ${r.kind}`);
  }
}

/** The sender's leaf, which ts-mls decrypts but does not hand out. */
async function senderOf(g, privateMessage) {
  const past = g.state.historicalReceiverData.get(privateMessage.epoch);
  const secret = past?.senderDataSecret ?? g.state.keySchedule.senderDataSecret;
  return (await decryptSenderData(privateMessage, secret, g.impl)).leafIndex;
}

/** The state that a commit is to be processed with: one that covers our own Update needs the new leaf key. */
function stateFor(g, proposals) {
  for (const { proposal: p, senderLeafIndex } of proposals) {
    if (p.proposalType !== "update" || senderLeafIndex !== g.state.privatePath.leafIndex) continue;
    const wanted = toBase64(p.update.leafNode.hpkePublicKey);
    const own = g.updates.find((u) => toBase64(u.publicKey) === wanted);
    return { ...g.state, privatePath: updateLeafKey(g.state.privatePath, own.privateKey) };
  }
  return g.state;
}

/** ts-mls's own processMessage forgets the PSKs of a PrivateMessage. */
function process(g, state, m, callback) {
  return m.wireformat === "mls_private_message"
    ? mls.processPrivateMessage(state, m.privateMessage, pskIndex(g), g.impl, callback)
    : mls.processPublicMessage(state, m.publicMessage, pskIndex(g), g.impl, callback);
}

async function handle(r) {
  const g = group(r.group);
  const m = parse(r.message, "mls_private_message", "mls_public_message");
  // First to look only: which proposals does the commit cover?
  let seen;
  const look = (incoming) => {
    seen = incoming;
    return "reject";
  };
  const looked = await process(g, g.state, m, look);
  if (looked.kind === "applicationMessage") {
    const sender = await senderOf(g, m.privateMessage);
    g.state = looked.newState;
    return { kind: "application", sender, plaintext: toBase64(looked.message) };
  }
  const state = seen.kind === "commit" ? stateFor(g, seen.proposals) : g.state;
  const done = await process(g, state, m, mls.acceptAll);
  g.state = done.newState;
  if (seen.kind === "proposal") {
    return { kind: "proposal", sender: seen.proposal.senderLeafIndex, proposal: seen.proposal.proposal.proposalType };
  }
  g.updates = [];
  g.pending = undefined; // another commit has won
  return { kind: "commit", epoch: epoch(g.state), removed: g.state.groupActiveState.kind === "removedFromGroup" };
}

await serve({
  suites: () => ({ suites: usable }),

  async key_package(r) {
    const impl = await suite(r.suite);
    const made = await newKeyPackage(r.identity, impl);
    const name = `kp${++names}`;
    handles.set(name, { impl, ...made });
    return { key_package: keyPackage(made.publicPackage), handle: name };
  },

  async create_group(r) {
    const impl = await suite(r.suite);
    const made = await newKeyPackage(r.identity, impl);
    const id = fromBase64(r.group_id);
    const state = await mls.createGroup(id, made.publicPackage, made.privatePackage, [], impl, clientConfig);
    return { group: addGroup(impl, state), epoch: epoch(state) };
  },

  async propose(r) {
    const g = group(r.group);
    const made = await mls.createProposal(g.state, r.public === true, await proposal(g, r), g.impl);
    g.state = made.newState;
    return { proposal: toBase64(mls.encodeMlsMessage(made.message)) };
  },

  async commit(r) {
    const g = group(r.group);
    const byValue = [
      ...(r.add ?? []).map(addProposal),
      ...(r.remove ?? []).map(removeProposal),
      ...(r.psk ?? []).map((id) => pskProposal(g, id)),
    ];
    const made = await mls.createCommit(
      { state: g.state, pskIndex: pskIndex(g), cipherSuite: g.impl },
      { wireAsPublicMessage: r.public === true, extraProposals: byValue, ratchetTreeExtension: r.tree_in_welcome === true },
    );
    const ownLeaf = 2 * g.state.privatePath.leafIndex;
    const hasPath = made.newState.ratchetTree[ownLeaf] !== g.state.ratchetTree[ownLeaf];
    if (r.force_path === true && !hasPath) throw new Unsupported("a path where the proposals need none");
    g.pending = made.newState;
    return {
      commit: toBase64(mls.encodeMlsMessage(made.commit)),
      welcome: made.welcome && message("mls_welcome", "welcome", made.welcome),
      group_info: await groupInfo(made.newState, g.impl, r.tree_in_welcome === true),
    };
  },

  merge(r) {
    const g = group(r.group);
    if (g.pending === undefined) throw new RangeError("no commit is pending");
    g.state = g.pending;
    g.pending = undefined;
    g.updates = [];
    return { epoch: epoch(g.state) };
  },

  discard(r) {
    const g = group(r.group);
    g.pending = undefined;
    return { epoch: epoch(g.state) };
  },

  handle,

  async join_welcome(r) {
    const kp = handles.get(r.handle);
    if (kp === undefined) throw new RangeError(`no key package ${r.handle}`);
    const { welcome } = parse(r.welcome, "mls_welcome");
    const state = await mls.joinGroup(
      welcome, kp.publicPackage, kp.privatePackage, pskIndex(), kp.impl, tree(r.ratchet_tree), undefined, clientConfig,
    );
    handles.delete(r.handle);
    return { group: addGroup(kp.impl, state), epoch: epoch(state), leaf: state.privatePath.leafIndex };
  },

  async group_info(r) {
    const { state, impl } = group(r.group);
    return { group_info: await groupInfo(state, impl, r.tree === true) };
  },

  ratchet_tree: (r) => ({ ratchet_tree: toBase64(encodeRatchetTree(group(r.group).state.ratchetTree)) }),

  async external_join(r) {
    const impl = await suite(r.suite);
    const made = await newKeyPackage(r.identity, impl);
    const info = parse(r.group_info, "mls_group_info").groupInfo;
    const { publicMessage, newState } = await mls.joinGroupExternal(
      info, made.publicPackage, made.privatePackage, false, readingExternalPub(impl, info),
      tree(r.ratchet_tree), clientConfig,
    );
    const commit = message("mls_public_message", "publicMessage", publicMessage);
    return { group: addGroup(impl, newState), commit, epoch: epoch(newState) };
  },

  register_psk(r) {
    psks[r.psk_id] = fromBase64(r.secret);
    return {};
  },

  async protect(r) {
    const g = group(r.group);
    const state = { ...g.state, clientConfig: config(r.padding ?? 0) };
    const made = await mls.createApplicationMessage(state, fromBase64(r.plaintext), g.impl, fromBase64(r.aad));
    g.state = { ...made.newState, clientConfig };
    return { message: message("mls_private_message", "privateMessage", made.privateMessage) };
  },

  async export(r) {
    const { state, impl } = group(r.group);
    const secret = state.keySchedule.exporterSecret;
    return { secret: toBase64(await mls.mlsExporter(secret, r.label, fromBase64(r.context), r.length, impl)) };
  },

  epoch_authenticator: (r) => ({ value: toBase64(group(r.group).state.keySchedule.epochAuthenticator) }),

  members(r) {
    const members = group(r.group).state.ratchetTree.flatMap((node, i) => {
      if (node?.nodeType !== "leaf") return [];
      const { credential, signaturePublicKey } = node.leaf;
      const identity = new TextDecoder().decode(credential.identity);
      return [{ leaf: i / 2, identity, signature_key: toBase64(signaturePublicKey) }];
    });
    return { members };
  },

  snapshot(r) {
    const { state, impl } = group(r.group);
    return { state: toBase64(Buffer.concat([Buffer.from([impl.id]), mls.encodeGroupState(state)])) };
  },

  async restore(r) {
    const bytes = fromBase64(r.state);
    const impl = await suite(bytes[0]);
    const state = { ...mls.decodeGroupState(bytes.subarray(1), 0)[0], clientConfig };
    return { group: addGroup(impl, state), epoch: epoch(state) };
  },
});
