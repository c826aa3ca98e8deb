import { toAccountError } from "../../account/account-error.ts";
import { t, type WordId } from "../../words/words.svelte.ts";
import { alarmText } from "./alarms.ts";

/** Sentences of codes that need no slot. */
const plain: Readonly<Record<string, WordId>> = {
  offline: "fault.offline",
  worker: "fault.offline",
  transport: "fault.transport",
  "slow-down": "fault.slow",
  "mailbox-full": "fault.slow",
  busy: "fault.busy",
  expired: "fault.expired",
  "no-session": "fault.session",
  "not-bound": "fault.session",
  "not-fresh": "fault.fresh",
  registration: "fault.registration",
  "method-off": "fault.off",
  "accounts-off": "fault.accounts",
  provider: "fault.provider",
  cancelled: "fault.cancelled",
  passkey: "fault.passkey",
  passphrase: "fault.passphrase",
  damaged: "fault.damaged",
  storage: "fault.storage",
  paused: "fault.paused",
  "handle-invalid": "up.handle.wrong",
  "backup-old": "backup-old",
  "weak-phrase": "weak-phrase",
  "code-words": "code-wrong.plain",
  confirm: "fault.confirm",
  name: "up.name.long",
  qr: "scan.wrong",
  request: "fault.gone",
  check: "fault.gone",
  "other-account": "fault.other-account",
  "directory-paused": "fault.directory-paused",
  blocked: "fault.blocked",
  withheld: "fault.withheld",
  self: "fault.self",
  claim: "fault.claim",
  "link-server": "link-server",
  "link-wrong": "link-wrong",
};

/** What happened, as a sentence for people. `name` is the handle or person that the call was about. */
export function faultText(thrown: unknown, name = ""): string {
  const error = toAccountError(thrown);
  const known = plain[error.code];
  if (known !== undefined) return t(known as "fault.offline");
  const minutes = Math.max(1, Math.ceil((error.retryMs ?? 0) / 60_000));
  switch (error.code) {
    case "sign-in-failed":
      return error.triesLeft === undefined
        ? t("in.failed")
        : `${t("in.failed")} ${t("in.tries", { count: error.triesLeft })}`;
    case "too-many-tries":
      return t("in.wait", { count: minutes });
    case "code-wrong":
      if (error.triesLeft === undefined) return t("code-wrong.plain");
      return error.triesLeft > 0
        ? t("code-wrong", { count: error.triesLeft })
        : t("code-wrong.none", { count: minutes });
    case "differ":
      return t("ver.stop", { name: name || t("somebody") });
    case "handle-taken":
      return `${t("handle-taken", { name })} ${t("do.other-handle")}`;
    default:
      return alarmText({ message: error.code, name, time: Date.now() }) ?? t("unknown", { code: codeOf(error.code) });
  }
}

/** Four digits by which a fault can be told to somebody, the same each time. */
function codeOf(code: string): string {
  let sum = 0;
  for (const letter of code) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return sum.toString(16).padStart(4, "0");
}
