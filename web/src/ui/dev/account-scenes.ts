/** What the fake account shows, by the name of a scene. */
import type {
  Access,
  Alarm,
  Change,
  CheckState,
  Contact,
  Device,
  DeviceRequest,
  Methods,
  Phase,
  Recovery,
  SignIn,
  Status,
} from "../../account/types.ts";

const now = Date.now();
const minute = 60_000;
const dayMs = 86_400_000;
const id = (n: number): string => n.toString(16).padStart(32, "0");

export interface AccountScene {
  readonly access: Access;
  readonly broken: boolean;
  readonly status: Status;
  readonly methods: Methods;
  readonly devices: readonly Device[];
  readonly history: readonly Change[];
  readonly requests: readonly DeviceRequest[];
  readonly sessions: readonly SignIn[];
  readonly contacts: readonly Contact[];
  readonly stranger: Contact;
  readonly incoming: readonly CheckState[];
  readonly alarms: readonly Alarm[];
  readonly phase: Phase;
  readonly qr: string;
  readonly digits: readonly string[];
}

export const recovery: Recovery = {
  words: "harbor lantern oak violin seven cedar marble quiet anchor plum river stone".split(" "),
  confirm: [4, 9],
};

export const symbols: Pick<CheckState, "symbols" | "numbers"> = {
  symbols: [0, 1, 2, 3, 4, 5, 6].map((number) => ({ number, name: "" })),
  numbers: [41270, 80931, 16625],
};

const devices: readonly Device[] = [
  { id: id(1), name: "Ada’s phone", class: "native", added: now - 60 * dayMs },
  { id: id(2), name: "Chromium on this computer", class: "web", added: now - 3 * minute, added_by: id(1), expires: now + 30 * dayMs, this: true },
  { id: id(3), name: "Workshop terminal", class: "command line", added: now - 54 * dayMs, added_by: id(1) },
  { id: id(4), name: "Old laptop", class: "native", added: now - 58 * dayMs, added_by: id(1), removed: now - 20 * dayMs },
];

const person = (n: number, handle: string, name: string, verified: Contact["verified"]): Contact => ({
  user: id(100 + n),
  handle,
  name,
  version: n,
  verified,
  state: "ok",
  devices: devices.slice(0, 2),
});

const contacts: readonly Contact[] = [
  person(1, "grace", "Grace", "contact"),
  person(2, "lin", "Lin", "emoji"),
  person(3, "kofi", "Kofi", "qr"),
  { ...person(4, "mei", "Mei", "none"), state: "reset" },
  person(5, "noor", "نور", "none"),
];

const alarm = (message: string, attack: string, more: Partial<Alarm> = {}): Alarm => ({
  id: message,
  message,
  attack,
  time: now - 40 * minute,
  evidence: true,
  ...more,
});

const base: AccountScene = {
  access: "open",
  broken: false,
  status: {
    stage: "ready",
    server: "meet.example.org",
    user: id(99),
    handle: "ada",
    name: "Ada",
    device: id(2),
    version: 6,
    devices: 3,
    backup: 4,
    checkpoint: { size: 1284, root: "9f3a7c02e4d0551b".repeat(4) },
    witnesses: 2,
    witnesses_needed: 3,
    alarms: 0,
  },
  methods: { password: true, passkey: true, oidc: [{ id: "hall", name: "Example Hall" }], ldap: [{ id: "hall", name: "Example Hall" }], registration: "open" },
  devices,
  history: [
    { version: 6, time: now - 3 * minute, kind: "added", device: "Chromium on this computer" },
    { version: 5, time: now - 20 * dayMs, kind: "removed", device: "Old laptop" },
    { version: 4, time: now - 54 * dayMs, kind: "added", device: "Workshop terminal" },
    { version: 0, time: now - 60 * dayMs, kind: "created", device: "Ada’s phone" },
  ],
  requests: [],
  sessions: [],
  contacts,
  stranger: person(9, "", "", "none"),
  incoming: [],
  alarms: [],
  phase: "compare",
  qr: `CONCLAVE1.${"K7Q2M4X9".repeat(26)}`,
  digits: "04127 80931 66250 19384 77120 35569 90012 48813 26674 50391 11857 62048".split(" "),
};

const fresh: Status = { ...base.status, stage: "signed-out", handle: "", name: "" };

const scenes: Readonly<Record<string, Partial<AccountScene>>> = {
  "acct-new": { status: fresh },
  "acct-password-only": {
    status: fresh,
    methods: { password: true, passkey: false, oidc: null, ldap: null, registration: "open" },
  },
  "acct-no-keys": { status: { ...base.status, stage: "no-keys" }, phase: "waiting" },
  "acct-no-keys-compare": { status: { ...base.status, stage: "no-keys" } },
  "acct-removed": { status: { ...base.status, stage: "removed" } },
  "acct-request": {
    requests: [{ id: id(7), name: "Firefox on Linux", class: "web", created: now - minute }],
    sessions: [{ id: id(8), name: "Firefox on Linux", created: now - minute, used: now }],
  },
  "acct-empty": { contacts: [] },
  "acct-incoming": { incoming: [{ id: "c1", kind: "contact", with: "grace", phase: "waiting" }] },
  "acct-waiting": { phase: "waiting" },
  "acct-alarms": {
    alarms: [
      alarm("proof", "MS-05"),
      alarm("own-device", "MS-04", { device: "Old tablet", evidence: false }),
      alarm("rollback", "MS-10", { have: 812, want: 900 }),
      alarm("witness", "MS-12", { have: 1, want: 2, evidence: false }),
      alarm("reset", "MS-02", { handle: "mei", name: "Mei", evidence: false }),
    ],
  },
  "acct-locked": { access: "locked" },
  "acct-other-tab": { access: "other-tab" },
  "acct-broken": { broken: true },
};

export function accountSceneOf(name: string | null): AccountScene {
  return { ...base, ...scenes[name ?? ""] };
}
