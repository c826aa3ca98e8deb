import type { Alarm } from "../../account/types.ts";
import { language, t } from "../../words/words.svelte.ts";

/** What a person can do about an alarm. */
export type AlarmAction = "verify" | "accept" | "save" | "show" | "retry" | "was-me" | "remove" | "approve" | "refuse" | "known";

/** How an alarm is shown: who must act at once is red, the rest is a warning. */
export interface AlarmShape {
  readonly grave: boolean;
  readonly actions: readonly AlarmAction[];
  /** A sentence after the text. */
  readonly next?: "do.admin" | "do.admin.invite" | "do.in-person" | "do.nothing" | "do.clock" | "do.mutual" | "do.other-device";
}

const shapes: Readonly<Record<string, AlarmShape>> = {
  reset: { grave: true, actions: ["verify", "accept"] },
  "own-identity": { grave: true, actions: ["save", "known"] },
  "ghost-device": { grave: false, actions: ["show", "known"], next: "do.nothing" },
  keypackage: { grave: false, actions: ["show", "known"], next: "do.admin" },
  "own-device": { grave: true, actions: ["was-me", "remove"] },
  proof: { grave: true, actions: ["save", "retry"] },
  stale: { grave: false, actions: ["retry", "known"] },
  flipflop: { grave: true, actions: ["show", "save", "known"] },
  frozen: { grave: false, actions: ["retry", "known"], next: "do.admin" },
  rollback: { grave: true, actions: ["save", "known"], next: "do.admin" },
  split: { grave: true, actions: ["show", "save", "known"], next: "do.in-person" },
  witness: { grave: false, actions: ["retry", "known"] },
  "server-identity": { grave: true, actions: ["show", "known"], next: "do.admin.invite" },
  "handle-moved": { grave: true, actions: ["show", "known"] },
  "backup-old": { grave: true, actions: ["known"], next: "do.other-device" },
  "signin-no-keys": { grave: false, actions: ["approve", "refuse"] },
  clock: { grave: false, actions: ["retry", "known"], next: "do.clock" },
  "refused-one": { grave: false, actions: ["retry", "known"], next: "do.mutual" },
};

/** What can be done about an alarm. One without a proof offers none to save. */
export function shapeOf(alarm: Pick<Alarm, "message" | "evidence">): AlarmShape {
  const shape = shapes[alarm.message] ?? { grave: true, actions: ["show", "known"] };
  return alarm.evidence ? shape : { ...shape, actions: shape.actions.filter((action) => action !== "save") };
}

/** What an alarm says, in the exact words of the design; undefined for one that has none. */
export function alarmText(alarm: AlarmFacts): string | undefined {
  const name = alarm.name || alarm.handle || t("somebody");
  const [have, want] = [alarm.have ?? 0, alarm.want ?? 0];
  switch (alarm.message) {
    case "reset":
    case "ghost-device":
    case "stale":
    case "split":
    case "handle-moved":
      return t(alarm.message, { name });
    case "own-identity":
    case "proof":
    case "flipflop":
    case "server-identity":
    case "backup-old":
      return t(alarm.message);
    case "keypackage":
      return t("keypackage", { name, device: alarm.device ?? "" });
    case "own-device":
    case "signin-no-keys":
      return t(alarm.message, { device: alarm.device ?? alarm.detail ?? "" });
    case "frozen":
      return t("frozen", { since: weekday(have || alarm.time) });
    case "refused-one":
      return t("refused-one", { name, since: weekday(alarm.time) });
    case "rollback":
      return t("rollback", { have, want });
    case "witness":
      return t("witness", { have, count: want });
    case "clock":
      return clockText(Math.abs(have - want));
    default:
      return undefined;
  }
}

type AlarmFacts = Pick<Alarm, "message" | "time"> & Partial<Alarm>;

const hour = 3_600_000;

function clockText(off: number): string {
  return off < 24 * hour
    ? t("clock.hours", { count: Math.max(1, Math.round(off / hour)) })
    : t("clock", { count: Math.round(off / (24 * hour)) });
}

/** A moment of the last days: "Tuesday 14:00". */
function weekday(at: number): string {
  return new Intl.DateTimeFormat(language().tag, { weekday: "long", hour: "2-digit", minute: "2-digit" }).format(at);
}
