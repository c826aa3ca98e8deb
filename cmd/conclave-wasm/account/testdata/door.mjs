// Uses conclave-account.wasm as the account worker does: node door.mjs wasm_exec.js conclave-account.wasm
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const [loader, wasm] = process.argv.slice(2);
await import(loader);
const go = new globalThis.Go();
const ready = new Promise((resolve) => (globalThis.conclaveReady = resolve));
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), go.importObject);
void go.run(instance);
await ready;
const door = globalThis.conclaveAccount;

const values = new Map();
const asked = [];
let answer = () => Promise.reject(new Error("no network"));
const host = {
  request: (r) => (asked.push(r), answer(r)),
  get: async (key) => values.get(key),
  put: async (key, value) => void values.set(key, value),
  remove: async (key) => void values.delete(key),
  keys: async (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)).sort(),
};
const call = (method, ...args) => door.call(method, JSON.stringify(args));
const json = (body, status = 200) => {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return async () => ({ status, type: "application/json", body: bytes, tooLarge: false });
};

// Nothing works before it is open.
assert.equal((await call("status")).fault.message, "the account is not open");
assert.equal((await door.open(host, "Firefox on Linux")).fault, undefined);
assert.equal(JSON.parse((await call("status")).result).stage, "signed-out");

// Requests go through the host, and its answers come back as results or faults.
assert.equal((await call("methods")).fault.code, "offline");
answer = json({ registration: "open", password: true, passkey: false, oidc: [], ldap: [] });
assert.equal(JSON.parse((await call("methods")).result).password, true);
assert.deepEqual([asked[0].method, asked[0].path], ["GET", "/api/v1/auth/methods"]);
answer = json({ code: "slow-down", message: "m", retry_ms: 7 }, 429);
assert.deepEqual((await call("methods")).fault, { code: "slow-down", message: (await call("methods")).fault.message, retryMs: 7 });
answer = async () => ({ status: 200, type: "application/json", body: new Uint8Array(), tooLarge: true });
assert.equal((await call("methods")).fault.code, "transport");
for (const broken of [async () => undefined, async () => ({}), () => 7, async () => ({ status: 200, type: "x", body: "text" })]) {
  answer = broken;
  assert.ok((await call("methods")).fault, String(broken));
}

// What does not fit is refused, and the program goes on.
for (const [method, args] of [
  ["nothing", "[]"],
  ["status", "[1]"],
  ["status", "{"],
  ["signInPassword", '["ada"]'],
  ["signInPassword", '["ada",1]'],
  ["finishPasskeySignIn", '[{},"!","!"]'],
  ["status", `["${"x".repeat(1 << 17)}"]`],
  ["checkWait", '["../x"]'],
]) {
  assert.ok((await door.call(method, args)).fault, `${method} ${args.slice(0, 40)}`);
}
assert.equal((await call("recover", "one two")).fault.code, "no-session");

// A vault that fails is said, not lost.
const { put } = host;
host.put = () => Promise.reject(new Error("full"));
answer = json({ flow: "f", url: "https://idp.example/x", expires_ms: 1 });
assert.equal((await call("beginOIDC", "x", "page")).fault.code, "storage");
host.put = put;
assert.equal(JSON.parse((await call("beginOIDC", "x", "page")).result), "https://idp.example/x");

// The key of the app lock is Argon2id, the same for the same input only.
const salt = new Uint8Array(16).fill(1);
const key = await door.stretch("correct horse", salt);
assert.equal(key.length, 32);
assert.deepEqual(await door.stretch("correct horse", salt), key);
assert.notDeepEqual(await door.stretch("correct horsf", salt), key);

console.log("door: ok");
process.exit(0);
