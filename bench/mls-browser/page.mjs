// Measures one implementation of MLS: what members of a group of n do. The query
// says which, and how; the figures go back to the server. See README.md.

const query = new URLSearchParams(location.search);
const name = query.get("name");
const groupSize = Number(query.get("n"));
const options = { suite: Number(query.get("suite")), webcrypto: query.has("webcrypto") };

const figures = {};

/** Runs a step, keeps its time in milliseconds and returns what it returned. */
async function timed(what, step) {
  const start = performance.now();
  const result = await step();
  (figures[what] ??= []).push(performance.now() - start);
  return result;
}

const size = (what, bytes) => {
  figures[`${what} bytes`] = [bytes.length];
};

const range = (count) => Array.from({ length: count }, (_, i) => i);

/** A group that one commit filled: everybody is in it, but few follow. */
async function fresh(mls, n) {
  const creator = await mls.device("creator");
  const members = [];
  const packages = [];
  for (const i of range(n - 1)) {
    const member = await mls.device(`member ${i}`);
    members.push(member);
    packages.push(await timed("key package", () => mls.keyPackage(member)));
  }
  size("key package", packages[0]);
  await mls.create(creator);
  const { commit, welcome } = await timed("batch add", () => mls.add(creator, packages));
  size("batch add", commit);
  size("welcome", welcome);
  for (const member of members.slice(-5)) await timed("join", () => mls.join(member, welcome));
  const last = members.at(-1);
  for (const _ of range(10)) {
    const update = await timed("update fresh", () => mls.update(creator));
    size("update fresh", update);
    await timed("process fresh", () => mls.process(last, update));
  }
  const plaintext = new Uint8Array(256);
  for (const _ of range(40)) {
    const message = await timed("encrypt", () => mls.encrypt(creator, plaintext));
    size("encrypt", message);
    const got = await timed("decrypt", () => mls.decrypt(last, message));
    if (got.length !== plaintext.length) throw new Error("another plaintext");
  }
  for (const device of [creator, ...members]) await mls.drop(device);
}

/**
 * A group where everybody has committed: each member joins, adds the next and is
 * forgotten; the first follows.
 */
async function full(mls, n) {
  const first = await mls.device("first");
  await mls.create(first);
  let committer = first;
  for (const i of range(n - 1)) {
    const next = await mls.device(`next ${i}`);
    const { commit, welcome } = await mls.add(committer, [await mls.keyPackage(next)]);
    if (committer !== first) {
      await mls.process(first, commit);
      await mls.drop(committer);
    }
    await mls.join(next, welcome);
    committer = next;
  }
  await mls.process(first, await mls.update(committer));
  for (const _ of range(20)) {
    const update = await timed("update full", () => mls.update(first));
    size("update full", update);
    await timed("process full", () => mls.process(committer, update));
    await mls.process(first, await mls.update(committer));
  }
}

/** Browsers compile what runs often once more and better: has that happen first. */
async function warm(mls) {
  await fresh(mls, 8);
  await full(mls, 8);
  for (const what of Object.keys(figures)) delete figures[what];
}

async function measure() {
  const { open } = await import(`./${name}.mjs`);
  const mls = await open(options);
  await warm(mls);
  await fresh(mls, groupSize);
  if (query.has("full")) await full(mls, groupSize);
  return { figures };
}

const report = await measure().catch((e) => ({ error: e.stack ?? String(e), figures }));
await fetch("report", { method: "POST", body: JSON.stringify(report) });
