/** An account without a server or keys, for looking at every page: see fake-engine.ts. */
import { AccountError } from "../../account/account-error.ts";
import { methodNames } from "../../account/method-names.ts";
import type { Access, AccountCalls, AccountClient, AccountMethods, CheckState } from "../../account/types.ts";
import { accountSceneOf, recovery, symbols, type AccountScene } from "./account-scenes.ts";

type Fakes = { readonly [Name in keyof AccountMethods]?: AccountMethods[Name] };

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function fakes(scene: AccountScene): Fakes {
  let { status } = scene;
  let alarms = scene.alarms;
  let { contacts } = scene;
  let check: CheckState = { id: "c1", kind: "contact", with: "grace", phase: "waiting" };
  const ready = (): typeof status => (status = { ...status, stage: "ready" });
  const compare = (kind: CheckState["kind"], name: string): CheckState =>
    (check = { id: "c1", kind, with: name, phase: scene.phase, ...symbols, ...(kind === "device" && { qr: scene.qr }) });
  return {
    status: () => status,
    refresh: () => status,
    methods: () => scene.methods,
    signUpPassword: (handle, name) => (status = { ...status, stage: "no-identity", handle, name }),
    signInPassword: (handle) => (status = { ...status, stage: "no-keys", handle }),
    createIdentity: () => recovery,
    confirmRecovery: () => ready(),
    recover: () => {
      throw new AccountError({ code: "code-wrong", message: "", triesLeft: 3 });
    },
    reset: () => recovery,
    newRecovery: () => recovery,
    signOut: () => {
      status = { ...status, stage: "signed-out" };
      return null;
    },
    devices: () => scene.devices,
    requests: () => scene.requests,
    sessions: () => scene.sessions,
    requestDevice: () => compare("device", "Ada’s phone"),
    approve: () => compare("device", "Firefox on Linux"),
    contacts: () => contacts,
    addContact: (handle) => {
      if (handle === "nobody") throw new AccountError({ code: "not-found", message: "" });
      const added = { ...scene.stranger, handle, name: handle };
      contacts = [...contacts, added];
      return added;
    },
    invite: () => `${location.origin}/i#v1.${"Q0FGRQ".repeat(30)}`,
    incoming: () => scene.incoming,
    safetyNumber: (handle) => ({ handle, groups: scene.digits }),
    showQR: () => (check = { id: "c1", kind: "contact", with: "grace", phase: "waiting", qr: scene.qr }),
    history: () => scene.history,
    verifyEmoji: () => compare("contact", "grace"),
    alarms: () => alarms,
    dismissAlarm: (id) => {
      alarms = alarms.filter((one) => one.id !== id);
      return null;
    },
    monitor: () => alarms,
    evidence: () => "{}",
    checkMatch: () => (check = { ...check, phase: "matched" }),
    checkDiffer: () => (check = { ...check, phase: "differ" }),
    checkCancel: () => null,
  };
}

/** The account of a scene; `?scene=` of the page chooses it. */
export async function openFakeAccount(): Promise<AccountClient> {
  const scene = accountSceneOf(new URLSearchParams(location.search).get("scene"));
  const made = fakes(scene) as Readonly<Record<string, ((...args: unknown[]) => unknown) | undefined>>;
  const call = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    // A comparison waits until it is answered; nothing changes by itself.
    if (name === "checkWait" || name === "next") await wait(300_000);
    return made[name]?.(...args) ?? null;
  };
  const calls = Object.fromEntries(
    methodNames.map((name) => [name, (...args: unknown[]) => call(name, args)]),
  ) as unknown as AccountCalls;
  let access: Access = scene.access;
  const opens = (): Promise<Access> => Promise.resolve((access = "open"));
  if (scene.broken) throw new AccountError({ code: "damaged", message: "" });
  await wait(0);
  return {
    ...calls,
    passkeys: true,
    access: () => access,
    dispose: () => undefined,
    onTaken: () => undefined,
    takeOver: opens,
    unlock: (passphrase) =>
      passphrase === "correct horse"
        ? opens()
        : Promise.reject(new AccountError({ code: "passphrase", message: "" })),
    hasLock: () => Promise.resolve(false),
    setLock: () => Promise.resolve(),
    passkeySignUp: (handle, name) => calls.signUpPassword(handle, name, "", ""),
    passkeySignIn: () => calls.signInPassword("ada", ""),
  };
}
