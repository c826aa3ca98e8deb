/*
 * What the Go side (client/account) tells, as JSON, and what a page may ask of
 * it. Times are milliseconds since 1970, ids are hexadecimal digits.
 */

/** How far the account on this device has come. */
export type Stage = "signed-out" | "no-identity" | "unconfirmed" | "no-keys" | "ready" | "removed";

export interface Checkpoint {
  /** Entries of the directory. */
  readonly size: number;
  readonly root: string;
}

export interface Status {
  readonly stage: Stage;
  readonly server?: string;
  readonly user?: string;
  readonly handle?: string;
  readonly name?: string;
  readonly device?: string;
  readonly version: number;
  readonly devices: number;
  /** Counter of the backup; 0: none. */
  readonly backup: number;
  readonly checkpoint: Checkpoint;
  /** Independent witnesses that confirmed the checkpoint, and how many the pinned policy asks for. */
  readonly witnesses: number;
  readonly witnesses_needed: number;
  readonly alarms: number;
}

export interface Methods {
  readonly password: boolean;
  readonly passkey: boolean;
  readonly oidc: readonly Provider[] | null;
  readonly ldap: readonly Provider[] | null;
  readonly registration: "open" | "invite" | "closed";
}

/** An organisation's sign-in server. */
export interface Provider {
  readonly id: string;
  readonly name: string;
}

/** The words to write down, and the numbers, from 1, of the two that are asked for. */
export interface Recovery {
  readonly words: readonly string[];
  readonly confirm: readonly [number, number];
}

export type DeviceClass = "native" | "web" | "command line";

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly class: DeviceClass;
  readonly added: number;
  readonly added_by?: string;
  readonly expires?: number;
  readonly removed?: number;
  readonly this?: boolean;
}

export type Verified = "none" | "contact" | "emoji" | "qr" | "number";

export interface Contact {
  readonly user: string;
  readonly handle: string;
  readonly name: string;
  readonly version: number;
  readonly verified: Verified;
  /** reset: the identity was replaced, and must be accepted first. */
  readonly state: "ok" | "reset";
  readonly devices: readonly Device[] | null;
  /** What happened to the identity since it was last looked at. */
  readonly changes?: readonly ContactChange[];
}

export interface ContactChange {
  readonly kind: "added" | "removed" | "reset" | "name";
  readonly version: number;
  readonly device?: string;
  readonly name?: string;
}

/** A sign-in of this account that asks to become a device. */
export interface DeviceRequest {
  readonly id: string;
  readonly name: string;
  readonly class: DeviceClass;
  readonly created: number;
}

/** One of the 64 drawings, by its number from 0. */
export interface ComparedSymbol {
  readonly number: number;
  readonly name: string;
}

export type Phase = "waiting" | "compare" | "matched" | "done" | "differ" | "cancelled" | "expired";

/** The state of a comparison with another device. */
export interface CheckState {
  readonly id: string;
  readonly kind: "contact" | "device";
  /** Handle of the contact, or name of the device. */
  readonly with: string;
  readonly phase: Phase;
  /** Why an end is not good. */
  readonly problem?: "differ" | "keys" | "protocol" | "split";
  /** After three failures: until when. */
  readonly paused?: number;
  readonly symbols?: readonly ComparedSymbol[];
  readonly numbers?: readonly [number, number, number];
  /** What to show for the other side to scan. */
  readonly qr?: string;
}

export interface SafetyNumber {
  readonly handle: string;
  /** Twelve groups of five digits. */
  readonly groups: readonly string[];
}

/** One version of the own identity record, as the public log has it. */
export interface Change {
  readonly version: number;
  readonly time: number;
  readonly kind: "created" | "added" | "removed" | "recovery" | "reset";
  /** Name of the device. */
  readonly device?: string;
}

/** What to look at again; no kind: nothing came within half a minute. */
export interface AccountNews {
  readonly kind: "" | "check" | "request" | "sign-in" | "alarm";
}

/** Something that the directory or the server did and must not do. */
export interface Alarm {
  readonly id: string;
  /** Id of the text. */
  readonly message: string;
  readonly attack?: string;
  readonly handle?: string;
  readonly name?: string;
  /** Name of a device. */
  readonly device?: string;
  /** The numbers of the text: entries, witnesses, or times. */
  readonly have?: number;
  readonly want?: number;
  readonly detail?: string;
  readonly time: number;
  readonly evidence: boolean;
}

export interface SignIn {
  readonly id: string;
  readonly name: string;
  /** Empty: it has no keys and can read nothing. */
  readonly device?: string;
  readonly created: number;
  readonly used: number;
  readonly this?: boolean;
}

/** What the Go side can be asked, by name. The parameters are sent as a list. */
export interface AccountMethods {
  status(): Status;
  refresh(): Status;
  methods(): Methods;
  signUpPassword(handle: string, name: string, password: string, invite: string): Status;
  signInPassword(handle: string, password: string): Status;
  signInLDAP(provider: string, username: string, password: string): Status;
  beginPasskeySignUp(handle: string, name: string, invite: string): unknown;
  finishPasskeySignUp(answer: unknown, credential: string, prf: string): Status;
  beginPasskeySignIn(): unknown;
  finishPasskeySignIn(answer: unknown, credential: string, prf: string): Status;
  /** `back`: page, the browser comes back by itself. */
  beginOIDC(provider: string, back: "page"): string;
  finishOIDC(code: string): Status;
  signOut(): null;
  forget(): null;
  sessions(): readonly SignIn[] | null;
  endSession(id: string): null;
  createIdentity(handle: string, name: string): Recovery;
  confirmRecovery(first: string, second: string): Status;
  devices(): readonly Device[] | null;
  history(): readonly Change[] | null;
  requestDevice(none: ""): CheckState;
  requests(): readonly DeviceRequest[] | null;
  approve(request: string): CheckState;
  approveQR(text: string): Device;
  refuse(request: string): null;
  revoke(device: string): null;
  recover(words: string): Status;
  recoverByPasskey(): Status;
  reset(): Recovery;
  newRecovery(): Recovery;
  contacts(): readonly Contact[] | null;
  addContact(handle: string): Contact;
  acceptReset(handle: string): Contact;
  markSeen(handle: string): null;
  invite(host: string): string;
  useInvite(link: string): Contact;
  verifyEmoji(handle: string): CheckState;
  incoming(): readonly CheckState[] | null;
  safetyNumber(handle: string): SafetyNumber;
  confirmNumber(handle: string): Contact;
  numberDiffers(handle: string): null;
  showQR(handle: string): CheckState;
  scanQR(handle: string, text: string): Contact;
  monitor(): readonly Alarm[] | null;
  alarms(): readonly Alarm[] | null;
  dismissAlarm(id: string): null;
  /** The proof as text, to be saved as a file. */
  evidence(id: string): string;
  /** Waits up to half a minute for something to look at again. */
  next(): AccountNews;
  checks(): readonly CheckState[] | null;
  checkWait(id: string): CheckState;
  checkMatch(id: string): CheckState;
  checkDiffer(id: string): CheckState;
  checkCancel(id: string): null;
}

export type MethodName = keyof AccountMethods;

/** The same for the page: each answer is waited for, and rejects with an AccountError. */
export type AccountCalls = {
  readonly [Name in MethodName]: (
    ...args: Parameters<AccountMethods[Name]>
  ) => Promise<ReturnType<AccountMethods[Name]>>;
};

/** Whether the account can be used in this tab. */
export type Access = "open" | "locked" | "other-tab";

/** The account of this browser. */
export interface AccountClient extends AccountCalls {
  /** Whether the vault is open here; `locked` waits for unlock, `other-tab` for takeOver. */
  access(): Access;
  /** Ends the worker, and with it the hold on the account; nothing can be called after it. */
  dispose(): void;
  /** Hears when another tab takes the account over; one listener at a time. */
  onTaken(listener: () => void): void;
  takeOver(): Promise<Access>;
  /** Opens the app lock. Rejects with an AccountError `passphrase`. */
  unlock(passphrase: string): Promise<Access>;
  hasLock(): Promise<boolean>;
  /** Sets the passphrase that opens the vault of this browser; empty removes the lock. */
  setLock(passphrase: string): Promise<void>;
  /** Signs up or in with a passkey, which the browser asks for. */
  passkeySignUp(handle: string, name: string): Promise<Status>;
  passkeySignIn(): Promise<Status>;
  /** Whether this browser has passkeys at all. */
  readonly passkeys: boolean;
}
