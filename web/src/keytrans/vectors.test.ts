import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { base64, hex } from "./bytes.ts";
import { lookup } from "./lookup.ts";
import { monitor } from "./monitor.ts";
import { Refusal } from "./reader.ts";
import { byUser, parseHead, parseUserState, type State, type UserState } from "./state.ts";
import { type Pins, pins } from "./verifier.ts";
import { parseLookupRequest, parseMonitorRequest } from "./wire.ts";

interface Vector {
  name: string;
  state: number;
  request: string;
  answer: string;
  now: number;
  id?: string;
  attack?: string;
  head?: string;
  user?: string;
  version?: number;
  witnesses?: number;
  reset?: boolean;
  more?: boolean;
}

interface File {
  origin: string;
  log_key: string;
  vrf_key: string;
  policy: string;
  states: { head?: string; users?: string[]; handles?: Record<string, string> }[];
  cases: Vector[];
}

/** The vectors that core/keytrans makes: go test ./core/keytrans -update. */
function load(name: string): File {
  return JSON.parse(readFileSync(join(import.meta.dirname, "testdata", name), "utf8")) as File;
}

function bytes(text: string | undefined): Uint8Array {
  const b = base64(text ?? "");
  if (b === undefined) {
    throw new Error("a vector is not base64");
  }
  return b;
}

function stateOf(file: File, c: Vector): State {
  const s = file.states[c.state] ?? {};
  return {
    head: s.head === undefined ? undefined : parseHead(bytes(s.head)),
    users: byUser((s.users ?? []).map((u) => parseUserState(bytes(u)))),
    handles: new Map(Object.entries(s.handles ?? {}).map(([h, u]) => [h, bytes(u)])),
  };
}

/** What a verifier says, in the shape of a vector. */
interface Verdict {
  id: string | undefined;
  attack: string | undefined;
  head?: unknown;
  user?: UserState | undefined;
  version?: number;
  witnesses?: number;
  reset?: boolean;
  more?: boolean;
}

type Judge = (file: File, c: Vector, answer?: Uint8Array) => Verdict;

function judgeLookup(file: File, c: Vector, answer = bytes(c.answer)): Verdict {
  return refusalOr(() => {
    const q = parseLookupRequest(bytes(c.request));
    const r = lookup(pinsOf(file), stateOf(file, c), q, answer, BigInt(c.now));
    return { ...said(r), reset: r.reset };
  });
}

function judgeMonitor(file: File, c: Vector, answer = bytes(c.answer)): Verdict {
  return refusalOr(() => {
    const q = parseMonitorRequest(bytes(c.request));
    const st = stateOf(file, c);
    const known = st.users.get(hex(q.user));
    if (known === undefined) {
      throw new Error("monitoring of nobody");
    }
    const r = monitor(pinsOf(file), st, known, q, answer, BigInt(c.now));
    return { ...said(r), more: r.more };
  });
}

function pinsOf(file: File): Pins {
  return pins(file.origin, file.log_key, bytes(file.vrf_key), file.policy);
}

function refusalOr(verdict: () => Verdict): Verdict {
  try {
    return verdict();
  } catch (e) {
    if (e instanceof Refusal) {
      return { id: e.id, attack: e.attack };
    }
    throw e;
  }
}

function said(r: {
  head: unknown;
  user: UserState | undefined;
  version: number;
  witnesses: number;
}): Verdict {
  return {
    id: undefined,
    attack: undefined,
    head: r.head,
    user: r.user,
    version: r.version,
    witnesses: r.witnesses,
  };
}

function wanted(c: Vector, judge: Judge): Verdict {
  if (c.id !== undefined) {
    return { id: c.id, attack: c.attack };
  }
  const out: Verdict = {
    id: undefined,
    attack: undefined,
    head: parseHead(bytes(c.head)),
    user: c.user === undefined ? undefined : parseUserState(bytes(c.user)),
    version: c.version ?? 0,
    witnesses: c.witnesses ?? 0,
  };
  return judge === judgeMonitor ? { ...out, more: c.more ?? false } : { ...out, reset: c.reset ?? false };
}

const looked = load("lookup.json");
const watched = load("monitor.json");

describe.each([
  ["lookup", looked, judgeLookup],
  ["monitor", watched, judgeMonitor],
] as const)("%s", (_, file, judge) => {
  it("has answers that are accepted and answers that are not", () => {
    expect(file.cases.filter((c) => c.id === undefined).length).toBeGreaterThan(5);
    expect(file.cases.filter((c) => c.id !== undefined).length).toBeGreaterThan(10);
  });

  it.each(file.cases.map((c) => [`${c.attack ?? "honest"}: ${c.name}`, c] as const))("%s", (_name, c) => {
    expect(judge(file, c)).toEqual(wanted(c, judge));
  });
});

it("believes no answer with a byte changed", () => {
  const file = looked;
  const c = file.cases.find((v) => v.name === "again") as Vector;
  const honest = bytes(c.answer);
  expect(judgeLookup(file, c).id).toBeUndefined();
  for (let i = 0; i < honest.length; i += 37) {
    const other = honest.slice();
    other[i] = (other[i] ?? 0) ^ (1 << (i % 8));
    expect(judgeLookup(file, c, other).id, `byte ${i}`).toBeDefined();
  }
});
