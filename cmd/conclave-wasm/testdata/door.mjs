// Loads the wasm as a page does and lets participants meet through the door.
// Usage: node door.mjs WASM_EXEC_JS CONCLAVE_WASM
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { runInThisContext } from "node:vm";
import { Relay, encode } from "./relay.mjs";

const [execPath, wasmPath] = process.argv.slice(2);
runInThisContext(await readFile(execPath, "utf8"));
const go = new globalThis.Go();
const ready = new Promise((resolve) => { globalThis.conclaveReady = resolve; });
const { instance } = await WebAssembly.instantiate(await readFile(wasmPath), go.importObject);
void go.run(instance);
await ready;
const door = globalThis.conclave;

let now = 1_800_000_000_000;
const queue = []; // frames on their way, both directions, in order

class Person {
  got = {};
  all = [];

  constructor(relay, url, name, create) {
    this.relay = relay;
    this.handle = door.newMeeting({ url, create, name });
    assert.ok(!("code" in this.handle), JSON.stringify(this.handle));
    this.take(this.handle.poll());
  }

  /** Calls a method of the handle and carries out what it returns. */
  call(method, ...args) {
    this.take(this.handle[method](now, ...args));
  }

  take(outputs) {
    assert.ok(Array.isArray(outputs), `not a list: ${outputs?.code} ${outputs?.message}`);
    for (const o of outputs) {
      this.got[o.kind] = o;
      this.all.push(o);
      if (o.kind === "connect") queue.push(() => this.call("connected"));
      if (o.kind === "send") queue.push(() => this.relay.handle(this, o.frame));
    }
  }

  receive(frame) {
    queue.push(() => this.call("receive", frame));
  }

  kinds() {
    return this.all.map((o) => o.kind);
  }
}

/** Lets frames arrive and timers ring for some time. */
function pass(people, ms) {
  const end = now + ms;
  for (;;) {
    while (queue.length > 0) queue.shift()();
    const next = Math.min(...people.map((p) => p.handle.wake() ?? Infinity));
    if (next > end) break;
    now = Math.max(now, next);
    for (const p of people) if ((p.handle.wake() ?? Infinity) <= now) p.call("tick");
  }
  now = end;
}

const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

// Links.
const link = door.newLink("https://meet.example");
assert.ok(!("code" in link), JSON.stringify(link));
assert.match(link.url, /^https:\/\/meet\.example\/m\/[a-z2-7]{16}#[\w-]{22}$/);
assert.deepEqual(door.parseLink(link.url), { meeting: link.meeting });
assert.equal(door.parseLink("https://meet.example/m/" + link.meeting).code, "link-wrong");
assert.equal(door.parseLink().code, "argument");
assert.equal(door.newMeeting({ url: link.url, create: true, name: " " }).code, "name");
assert.equal(door.newMeeting({ url: "nonsense", create: true, name: "Ada" }).code, "link-wrong");
assert.equal(door.newMeeting({ url: link.url, create: 1, name: "Ada" }).code, "argument");
assert.equal(door.newMeeting().code, "argument");

// Two meet.
const relay = new Relay();
const ada = new Person(relay, link.url, "Ada", true);
pass([ada], 500);
assert.equal(ada.handle.lease(1, 1000).to, 1000n);
const lin = new Person(relay, link.url, "Lin", false);
assert.equal(lin.handle.lease(1, 1000).code, "away");
pass([ada, lin], 1000);

const joined = lin.got.joined;
assert.deepEqual(joined, {
  kind: "joined", seat: 2, limit: 50, resumed: false, graceMs: 10000,
  iceServers: [{ urls: ["stun:stun.example"], username: "", credential: "" }],
});
const roster = lin.got.roster;
assert.deepEqual(roster.members.map((m) => [m.name, m.class, m.you, m.owner]), [["Ada", "web", false, true], ["Lin", "web", true, false]]);
assert.equal(roster.epoch, 2);
assert.equal(roster.joining, 0);
assert.match(roster.members[0].device, /^[0-9a-f]{16}$/);

const adaKeys = ada.got.keys;
const linKeys = lin.got.keys;
assert.equal(adaKeys.epoch, 2);
assert.equal(adaKeys.previousForMs, 10000);
assert.equal(linKeys.previousForMs, 0);
assert.deepEqual(adaKeys.send.map((k) => k.context), [0, 1, 2, 4]);
for (const k of adaKeys.send) {
  assert.equal(typeof k.kid, "bigint");
  assert.equal(k.kid, BigInt((k.context << 14) | (adaKeys.self << 4) | 2));
  assert.ok(k.key instanceof Uint8Array && k.key.length === 32 && k.salt.length === 12);
  assert.ok(k.key.some((b) => b !== 0));
  const r = linKeys.receive.find((o) => o.kid === k.kid);
  assert.ok(r.index === adaKeys.self && same(r.key, k.key) && same(r.salt, k.salt));
}
assert.deepEqual(ada.handle.lease(1, 5), { from: 1000n, to: 1005n });

// Messages.
lin.call("sendChat", "hello, wasm 🔑");
lin.call("setState", { mic: true, camera: false, screen: false, hand: true });
pass([ada, lin], 1000);
assert.equal(ada.got.chat.text, "hello, wasm 🔑");
assert.equal(ada.got.chat.name, "Lin");
assert.equal(ada.got.chat.you, false);
assert.equal(lin.got.chat.you, true);
assert.deepEqual(lin.got.chatSent, { kind: "chatSent", id: lin.got.chat.id });
assert.equal(ada.got.roster.members[1].hand, true);
assert.equal(lin.handle.sendChat(now, "").code, "too-large");
assert.equal(lin.handle.sendChat(now, 7).code, "argument");
assert.equal(lin.handle.sendChat().code, "argument");
assert.equal(lin.handle.retryChat(now, "none").code, "argument");

// Media.
lin.call("publish", "offer", [{ mid: "0", kind: "camera", active: true }]);
lin.call("view", [{ stream: 3, width: 640, height: 360.5, priority: 2 }]);
lin.call("requestKeyFrame", 3);
lin.call("restartSubscribe");
pass([ada, lin], 100);
assert.deepEqual(lin.got.published, { kind: "published", sdp: "answer" });
relay.say([[3, [[1, [[1, 9], [2, 2], [3, 2], [4, "video/VP9"], [5, 1]]]]]]);
relay.say([[4, [[1, 7], [2, "offer"], [3, [[1, "0"], [2, 9]]]]]]);
relay.say([[6, [[1, [[1, 9], [2, 1], [3, 2], [4, 1], [5, 250000]]]]]]);
relay.say([[8, [[1, 2]]]]);
pass([ada, lin], 100);
assert.deepEqual(ada.got.streams.streams, [{ stream: 9, seat: 2, index: linKeys.self, kind: "camera", codec: "video/VP9", active: true }]);
assert.deepEqual(ada.got.subscribeOffer, { kind: "subscribeOffer", generation: 7, sdp: "offer", slots: [{ mid: "0", stream: 9 }] });
assert.deepEqual(ada.got.streamStates.states, [{ stream: 9, reason: "sending", spatial: 2, temporal: 1, estimate: 250000 }]);
assert.deepEqual(ada.got.speakers.indexes, [linKeys.self]);
ada.call("answerSubscribe", 7, "answer");
assert.equal(ada.handle.publish(now, "x".repeat(300_000), []).code, "too-large");
assert.equal(ada.handle.view(now, "all").code, "argument");

// Frames that make no sense change nothing and throw nothing.
assert.deepEqual(ada.handle.receive(now, new Uint8Array([255, 255, 255])), []);
assert.deepEqual(ada.handle.receive(now, encode([[2, [[1, 1]]]])), []);
assert.equal(ada.handle.receive(now, "text").code, "argument");
assert.equal(ada.handle.receive(now, new Uint8Array(3 << 20)).code, "argument");

// Leaving turns the key.
lin.call("leave");
assert.deepEqual(lin.got.left, { kind: "left", reason: "self" });
assert.equal(lin.handle.sendChat(now, "late").code, "over");
pass([ada], 500);
assert.equal(ada.got.keys.epoch, 3);
assert.deepEqual(ada.got.roster.members.map((m) => m.name), ["Ada"]);
assert.ok(!linKeys.receive.some((k) => ada.got.keys.send.some((n) => same(n.key, k.key))));

// A lost connection.
ada.call("disconnected");
assert.equal(ada.got.reconnecting.untilMs, now + 10000);
assert.deepEqual(ada.got.connect, { kind: "connect", delayMs: 0 });
assert.equal(lin.handle.dispose(), undefined);
assert.ok(!ada.kinds().includes("alarm"));

console.log("door: ok");
process.exit(0);
