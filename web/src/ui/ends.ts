import { t } from "../words/words.svelte.ts";
import { copyText } from "./clipboard.ts";
import type { End, EndAction } from "./EndPage.svelte";
import { shortCode, type Fault } from "./faults.ts";

export interface Ways {
  /** Opens the page before the call again. */
  readonly again: () => void;
  /** Joins again at once, with the name used before. */
  readonly rejoin: () => void;
  readonly move: () => void;
  readonly stay: () => void;
}

/** The words of a fault that ended or prevented a call. */
export function endOfFault(fault: Fault, ways: Ways): End {
  const again: EndAction = { label: t("end.again"), do: ways.again };
  const id = fault.code;
  switch (fault.code) {
    case "link-wrong":
      return { id, icon: "link", title: t("link-wrong"), next: t("link-wrong.next"), actions: [] };
    case "link-expired":
      return { id, icon: "clock", title: t("link-expired"), next: t("link-expired.next"), actions: [] };
    case "room-full": {
      const title = fault.limit === undefined ? t("room-full.plain") : t("room-full", { count: fault.limit });
      return { id, icon: "people", title, next: t("room-full.next"), actions: [again] };
    }
    case "lost":
      return {
        id,
        icon: "signal-low",
        title: t("lost.out"),
        actions: [{ label: t("end.join"), do: ways.rejoin }],
      };
    case "downgrade":
      return {
        id,
        icon: "shield-broken",
        title: t("downgrade"),
        next: t("downgrade.next"),
        actions: [again],
      };
    case "transport":
      return {
        id,
        icon: "shield-broken",
        title: t("transport"),
        next: t("transport.next"),
        actions: [again],
      };
    case "no-insertable":
      return { id, icon: "warn", title: t("no-insertable"), next: t("no-insertable.next"), actions: [] };
    case "removed":
      return { id, icon: "x", title: t("removed"), actions: [] };
    case "other-tab":
      return { id, icon: "expand", title: t("other-tab"), actions: choices(t("other-tab.move"), ways) };
    case "second-meeting":
      return {
        id,
        icon: "expand",
        title: t("second-meeting"),
        actions: choices(t("second-meeting.do"), ways, t("cancel")),
      };
    case "unknown":
      return {
        id,
        icon: "warn",
        title: t("unknown", { code: shortCode(fault.detail) }),
        actions: [again, copyDetails(fault)],
      };
    default:
      return fault.code satisfies never;
  }
}

function choices(move: string, ways: Ways, stay = t("other-tab.stay")): EndAction[] {
  return [
    { label: move, testid: "move-here", do: ways.move },
    { label: stay, testid: "stay-there", do: ways.stay },
  ];
}

/** What went wrong, for whoever runs the server: no link, no name. */
function copyDetails(fault: Fault): EndAction {
  const text = `conclave: ${fault.code} ${shortCode(fault.detail)}: ${fault.detail}\n${navigator.userAgent}`;
  return { label: t("unknown.copy"), done: t("unknown.copied"), do: () => void copyText(text) };
}

/** The words after a call that ended without a fault. */
export function endOfCall(reason: "self" | "ended" | "removed" | "moved" | "stayed", ways: Ways): End {
  const join: EndAction = { label: t("end.join"), do: ways.again };
  switch (reason) {
    case "self":
      return { id: "left", icon: "leave", title: t("left"), actions: [join] };
    case "ended":
      return { id: "ended", icon: "leave", title: t("ended"), actions: [join] };
    case "removed":
      return { id: "removed", icon: "x", title: t("removed"), actions: [] };
    case "moved":
      return {
        id: "moved",
        icon: "expand",
        title: t("moved"),
        next: t("moved.next"),
        actions: [{ label: t("other-tab.move"), do: ways.again }],
      };
    case "stayed":
      return {
        id: "stayed",
        icon: "expand",
        title: t("other-tab.stayed"),
        actions: [{ label: t("other-tab.move"), do: ways.move }],
      };
    default:
      return reason satisfies never;
  }
}
