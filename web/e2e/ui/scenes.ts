import type { BrowserContextOptions, Page } from "@playwright/test";
import type { CallState } from "../../src/engine/types.ts";

/** The address of a scene of the fake engine. */
export function sceneUrl(base: string, scene: string | undefined, path?: string): string {
  if (path !== undefined) return `${base}${path}${scene === undefined ? "" : `?scene=${scene}`}`;
  return scene === undefined
    ? `${base}/`
    : `${base}/m/abcdefghij234567?scene=${scene}#AAAAAAAAAAAAAAAAAAAAAA`;
}

/** The handle that the fake engine leaves in the page. */
export interface FakeCall {
  set(part: Partial<CallState>): void;
  state(): CallState;
  readonly shown: readonly { readonly id: string; readonly width: number; readonly priority: number }[][];
}

/** Changes the state of the fake engine. */
export function setCall(page: Page, part: Partial<CallState>): Promise<void> {
  return page.evaluate((p) => (globalThis as unknown as { fakeCall: FakeCall }).fakeCall.set(p), part);
}

/** One page or state to look at: a scene, and what is pressed in it. */
export interface Look {
  readonly name: string;
  readonly scene?: string;
  /** The page of an account; else it is a meeting, or the start page. */
  readonly path?: string;
  readonly steps?: readonly ((page: Page) => Promise<unknown>)[];
  /** Only at this size. */
  readonly only?: "desktop" | "phone";
  readonly width?: number;
  readonly context?: BrowserContextOptions;
}

type Step = NonNullable<Look["steps"]>[number];
const press =
  (key: string): Step =>
  (page) =>
    page.keyboard.press(key);
const click =
  (id: string): Step =>
  (page) =>
    page.getByTestId(id).first().click();
const button =
  (name: string): Step =>
  (page) =>
    page.getByRole("button", { name, exact: true }).first().click();
const item =
  (name: string): Step =>
  (page) =>
    page.getByRole("menuitem", { name }).click();
const rtl: Step = (page) =>
  page.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
/** The hint that one is muted lies over the second tile. */
const quiet = press("Escape");
const elsewhere = "https://elsewhere.example/m/abcdefghij234567#AAAAAAAAAAAAAAAAAAAAAA";

const before = [
  "prejoin",
  "prejoin-joining",
  "prejoin-key",
  "prejoin-off",
  "prejoin-no-camera",
  "prejoin-no-mic",
  "prejoin-denied",
  "prejoin-busy",
];
const calls = [
  "grid",
  "grid-9",
  "grid-15",
  "reasons",
  "pair",
  "alone",
  "weak",
  "sharing",
  "lost-soon",
  "exposed",
  "verified",
];
const ends = [
  "link-wrong",
  "link-expired",
  "room-full",
  "lost",
  "downgrade",
  "transport",
  "no-insertable",
  "other-tab",
  "second-meeting",
  "unknown",
  "left",
  "ended",
  "removed",
  "refused",
];

const fill =
  (id: string, text: string): Step =>
  (page) =>
    page.getByTestId(id).fill(text);
const step2: readonly Step[] = [fill("handle", "ada"), fill("display-name", "Ada"), click("next")];
const password: readonly Step[] = [click("use-password"), fill("password", "a long enough one"), click("create")];

const accounts: readonly Look[] = [
  { name: "up-1", path: "/sign-up", scene: "acct-new" },
  { name: "up-1-fault", path: "/sign-up", scene: "acct-new", steps: [fill("handle", "a"), click("next")] },
  { name: "up-2", path: "/sign-up", scene: "acct-new", steps: step2 },
  { name: "up-2-password", path: "/sign-up", scene: "acct-new", steps: [...step2, click("use-password")] },
  { name: "recovery", path: "/sign-up", scene: "acct-new", steps: [...step2, ...password] },
  { name: "recovery-wrong", path: "/sign-up", scene: "acct-new", steps: [...step2, ...password, click("recovery-saved")] },
  { name: "recovery-320", path: "/sign-up", scene: "acct-new", only: "phone", width: 320, steps: [...step2, ...password] },
  { name: "in", path: "/sign-in", scene: "acct-new" },
  { name: "in-password", path: "/sign-in", scene: "acct-password-only" },
  { name: "in-missing", path: "/sign-in", scene: "acct-password-only", steps: [click("sign-in-now")] },
  { name: "no-keys", path: "/sign-in", scene: "acct-no-keys" },
  { name: "no-keys-rtl", path: "/sign-in", scene: "acct-no-keys", steps: [rtl] },
  { name: "no-keys-scan", path: "/sign-in", scene: "acct-no-keys", steps: [click("way-scan")] },
  { name: "no-keys-emoji", path: "/sign-in", scene: "acct-no-keys", steps: [click("way-emoji")] },
  { name: "no-keys-compare", path: "/sign-in", scene: "acct-no-keys-compare", steps: [click("way-emoji")] },
  {
    name: "no-keys-code",
    path: "/sign-in",
    scene: "acct-no-keys",
    steps: [click("way-code"), fill("recovery-words", "one ".repeat(12)), click("recover")],
  },
  { name: "no-keys-lost", path: "/sign-in", scene: "acct-no-keys", steps: [click("way-lost"), click("reset")] },
  { name: "removed", path: "/settings/devices", scene: "acct-removed" },
  { name: "locked", path: "/settings/devices", scene: "acct-locked" },
  { name: "acct-other-tab", path: "/settings/devices", scene: "acct-other-tab" },
  { name: "acct-broken", path: "/settings/devices", scene: "acct-broken" },
  { name: "devices", path: "/settings/devices", scene: "acct-request" },
  { name: "devices-rtl", path: "/settings/devices", scene: "acct-request", steps: [rtl] },
  { name: "devices-320", path: "/settings/devices", scene: "acct-request", only: "phone", width: 320 },
  { name: "devices-approve", path: "/settings/devices", scene: "acct-request", steps: [click("approve")] },
  { name: "devices-scan", path: "/settings/devices", steps: [click("add-device")] },
  { name: "devices-remove", path: "/settings/devices", steps: [click("remove-device")] },
  { name: "alarms", path: "/settings/devices", scene: "acct-alarms" },
  { name: "alarms-320", path: "/settings/contacts", scene: "acct-alarms", only: "phone", width: 320 },
  { name: "contacts", path: "/settings/contacts", scene: "acct-incoming" },
  { name: "contacts-empty", path: "/settings/contacts", scene: "acct-empty" },
  {
    name: "contacts-nobody",
    path: "/settings/contacts",
    steps: [fill("find-handle", "@nobody"), click("find"), button("Make an invite link")],
  },
  { name: "contacts-320", path: "/settings/contacts", only: "phone", width: 320 },
  { name: "profile", path: "/settings/profile" },
  { name: "keys-recovery", path: "/settings/recovery", steps: [fill("lock-passphrase", "short"), click("lock-set")] },
  { name: "appearance", path: "/settings/appearance" },
  { name: "server", path: "/settings/server" },
  { name: "verify-begin", path: "/verify/grace" },
  { name: "verify-waiting", path: "/verify/grace", scene: "acct-waiting", steps: [click("verify-begin")] },
  { name: "verify-emoji", path: "/verify/grace", steps: [click("verify-begin")] },
  { name: "verify-matched", path: "/verify/grace", steps: [click("verify-begin"), click("emoji-match")] },
  { name: "verify-differ", path: "/verify/grace", steps: [click("verify-begin"), click("emoji-differ")] },
  { name: "verify-320", path: "/verify/grace", only: "phone", width: 320, steps: [click("verify-begin")] },
  { name: "verify-rtl", path: "/verify/grace", steps: [rtl, click("verify-begin")] },
  {
    name: "verify-forced",
    path: "/verify/grace",
    only: "desktop",
    context: { forcedColors: "active" },
    steps: [click("verify-begin")],
  },
  { name: "verify-qr", path: "/verify/grace", scene: "acct-waiting", steps: [click("verify-qr")] },
  { name: "verify-number", path: "/verify/grace", steps: [click("verify-number")] },
];

const thursday = `/messages/${"1".padStart(32, "0")}`;
const messenger: readonly Look[] = [
  { name: "messages", path: thursday },
  { name: "messages-typing", path: thursday, scene: "msg-typing" },
  { name: "messages-list", path: "/messages" },
  { name: "messages-empty", path: "/messages", scene: "msg-empty" },
  { name: "messages-hostile", path: thursday, scene: "msg-hostile" },
  { name: "messages-offline", path: thursday, scene: "msg-offline" },
  { name: "messages-details", path: thursday, only: "phone", steps: [click("details")] },
  { name: "messages-new", path: "/messages", steps: [click("new-conversation"), click("new-group")] },
  { name: "messages-reset", path: `/messages/${"3".padStart(32, "0")}` },
  { name: "messages-rtl", path: thursday, steps: [rtl] },
  { name: "messages-320", path: thursday, only: "phone", width: 320 },
];

/** Every page and state. */
export const looks: readonly Look[] = [
  { name: "start" },
  { name: "start-fault", steps: [(p) => p.getByLabel("Join with a link").fill(elsewhere), button("Join")] },
  { name: "start-protect", steps: [button("What that means")] },
  { name: "start-keys", steps: [button("Keyboard")] },
  { name: "start-theme", steps: [button("Appearance")] },
  { name: "start-rtl", steps: [rtl] },
  { name: "start-forced", only: "desktop", context: { forcedColors: "active" } },
  { name: "start-320", only: "phone", width: 320 },
  ...before.map((scene) => ({ name: scene, scene })),
  { name: "prejoin-menu", scene: "prejoin", steps: [button("Choose microphone")] },
  { name: "prejoin-noname", scene: "prejoin", steps: [click("join")] },
  { name: "prejoin-rtl", scene: "prejoin", steps: [rtl] },
  { name: "prejoin-320", scene: "prejoin", only: "phone", width: 320 },
  ...calls.map((scene) => ({ name: `call-${scene}`, scene })),
  { name: "call-speaker", scene: "speaker" },
  { name: "call-reasons-speaker", scene: "reasons", steps: [quiet, press("w")] },
  { name: "call-chat", scene: "chat", steps: [press("c")] },
  { name: "call-chat-empty", scene: "grid", steps: [quiet, (p) => setCall(p, { chat: [] }), press("c")] },
  { name: "call-people", scene: "grid", steps: [quiet, press("p")] },
  { name: "call-shield", scene: "speaker", steps: [click("shield")] },
  {
    name: "call-shield-details",
    scene: "grid",
    steps: [quiet, click("shield"), (p) => p.locator("summary").click()],
  },
  { name: "call-alarm", scene: "alarm", steps: [quiet, click("shield")] },
  { name: "call-more", scene: "grid", steps: [quiet, click("more")] },
  {
    name: "call-tile-menu",
    scene: "grid",
    steps: [quiet, (p) => p.getByRole("button", { name: "More for Mei" }).click({ force: true })],
  },
  { name: "call-invite", scene: "grid", steps: [quiet, click("more"), item("Invite with a code")] },
  { name: "call-settings", scene: "grid", steps: [quiet, click("more"), item("Settings")] },
  { name: "call-keys", scene: "grid", steps: [quiet, press("?")] },
  { name: "call-figures", scene: "grid", steps: [quiet, press("t")] },
  {
    name: "call-audio",
    scene: "grid",
    steps: [quiet, (p) => setCall(p, { quality: "poor" }), button("Audio only")],
  },
  { name: "call-phone", scene: "phone" },
  { name: "call-rtl", scene: "chat", steps: [rtl, press("c")] },
  {
    name: "call-forced",
    scene: "grid",
    only: "desktop",
    context: { forcedColors: "active" },
    steps: [quiet, press("p")],
  },
  {
    name: "call-contrast",
    scene: "chat",
    only: "desktop",
    context: { contrast: "more" },
    steps: [press("c")],
  },
  { name: "call-tablet", scene: "grid", only: "desktop", width: 820, steps: [quiet, press("p")] },
  { name: "call-320", scene: "phone", only: "phone", width: 320 },
  { name: "call-zoom", scene: "grid", only: "desktop", width: 640, steps: [quiet] },
  ...ends.map((scene) => ({ name: `end-${scene}`, scene })),
  ...accounts,
  ...messenger,
];
