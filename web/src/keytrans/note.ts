import { ed25519 } from "@noble/curves/ed25519.js";
import { base64, concat, equal, hash, utf8 } from "./bytes.ts";
import { malformed, Refusal, wrong } from "./reader.ts";
import type { Checkpoint } from "./tree.ts";

/** A key of a signed note, as C2SP signed-note writes it. */
export interface Key {
  name: string;
  id: Uint8Array;
  public: Uint8Array;
}

/** Reads a key; type is that of its signatures: 1 a log's, 4 a witness's. */
export function parseKey(text: string, type: number): Key {
  const [name = "", , encoded = ""] = splitTwice(text);
  const raw = base64(encoded);
  if (raw?.length !== 33) {
    throw new Error(`not a key: ${text}`);
  }
  const key = raw.slice(1);
  return { name, public: key, id: hash(utf8(`${name}\n`), Uint8Array.of(type), key).slice(0, 4) };
}

function splitTwice(text: string): string[] {
  const [a = "", b = "", ...rest] = text.split("+");
  return [a, b, rest.join("+")];
}

export interface Opened extends Checkpoint {
  /** The newest valid cosignature of each witness in ms, or undefined. */
  confirmed: (bigint | undefined)[];
  forged: boolean;
}

interface Line {
  text: string;
  name: string;
  raw: Uint8Array | undefined;
}

/** Whether a signature with these bytes says that it is by key. */
function says(line: Line, key: Key): boolean {
  return line.name === key.name && line.raw !== undefined && equal(line.raw.subarray(0, 4), key.id);
}

function verify(signature: Uint8Array, message: Uint8Array, key: Key): boolean {
  try {
    return ed25519.verify(signature, message, key.public, { zip215: false });
  } catch {
    return false;
  }
}

/** Checks the log's signature on a note and collects those of witnesses. */
export function open(note: Uint8Array, origin: string, log: Key, witnesses: Key[]): Opened {
  const { text, lines } = split(note);
  const body = utf8(text);
  const own = lines.filter((l) => says(l, log));
  if (own.length === 0) {
    throw new Refusal("server-identity", "MS-14", "the log did not sign");
  }
  if (!verify((own[0]?.raw ?? body).slice(4), body, log)) {
    wrong("the log's signature is wrong");
  }
  const [name, size, root, last, ...more] = text.split("\n");
  const rootBytes = base64(root ?? "");
  if (
    last !== "" ||
    more.length > 0 ||
    name === "" ||
    !/^(0|[1-9][0-9]{0,18})$/.test(size ?? "") ||
    rootBytes?.length !== 32
  ) {
    malformed("the checkpoint has another form");
  }
  if (BigInt(size ?? "") > 1n << 62n) {
    malformed("the checkpoint is too great");
  }
  if (name !== origin) {
    throw new Refusal("server-identity", "MS-14", "a checkpoint of another log");
  }
  const seen = new Set<string>();
  const out: Opened = {
    size: BigInt(size ?? ""),
    root: rootBytes ?? malformed("no root"),
    confirmed: witnesses.map(() => undefined),
    forged: false,
  };
  for (const line of lines) {
    const i = witnesses.findIndex((w) => says(line, w));
    if (i < 0 || seen.has(line.text)) {
      continue;
    }
    seen.add(line.text);
    const at = cosigned(line.raw?.slice(4) ?? body, body, witnesses[i] as Key);
    const before = out.confirmed[i];
    out.forged ||= at === undefined || before !== undefined;
    if (at !== undefined && (before === undefined || at > before)) {
      out.confirmed[i] = at;
    }
  }
  return out;
}

/** The time in ms of a cosignature: C2SP tlog-cosignature. */
function cosigned(signature: Uint8Array, body: Uint8Array, key: Key): bigint | undefined {
  if (signature.length !== 72) {
    return undefined;
  }
  const seconds = signature.subarray(0, 8).reduce((v, b) => (v << 8n) | BigInt(b), 0n);
  if (seconds > (1n << 48n) / 1000n) {
    return undefined;
  }
  const message = concat(utf8(`cosignature/v1\ntime ${seconds}\n`), body);
  return verify(signature.slice(8), message, key) ? seconds * 1000n : undefined;
}

/** Splits a note into its text and its signatures. */
function split(note: Uint8Array): { text: string; lines: Line[] } {
  let all: string;
  try {
    all = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(note);
  } catch {
    malformed("the note is not UTF-8");
  }
  const cut = all.lastIndexOf("\n\n");
  // oxlint-disable-next-line no-control-regex -- a note has none but newlines
  if (cut < 0 || !all.endsWith("\n") || cut + 2 >= all.length || /[\u0000-\u0009\u000b-\u001f]/.test(all)) {
    malformed("not a note");
  }
  const rows = all.slice(cut + 2, -1).split("\n");
  if (rows.length > 100) {
    malformed("too many signatures");
  }
  const lines = rows.map((row) => {
    const [, name = "", encoded = ""] = /^— ([^\s+]+) ([^ ]+)$/u.exec(row) ?? malformed("not a signature");
    const raw = base64(encoded);
    if (raw === undefined || raw.length < 5) {
      malformed("not a signature");
    }
    return { text: row, name, raw };
  });
  return { text: all.slice(0, cut + 1), lines };
}
