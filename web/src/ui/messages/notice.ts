import type { Last, Message, Notice } from "../../messages/types.ts";
import { t } from "../../words/words.svelte.ts";
import { plainOf } from "./rich.ts";

/** Kinds of notice that ask for attention. */
const warnings: ReadonlySet<string> = new Set(["ghost", "fork", "gap", "undecryptable", "healed"]);

export function warns(notice: Notice | undefined): boolean {
  return notice !== undefined && warnings.has(notice.kind);
}

/** What a notice says. */
export function noticeText(notice: Notice | undefined): string {
  const by = notice?.by ?? t("somebody");
  const name = notice?.name ?? t("somebody");
  switch (notice?.kind) {
    case "created":
      return t("notice.created", { by });
    case "added":
      return t("notice.added", { by, name });
    case "removed":
      return t("notice.removed", { by, name });
    case "left":
      return t("notice.left", { name });
    case "renamed":
      return t("notice.renamed", { by, name });
    case "role":
      return t("notice.role", { by, name });
    case "device":
      return t("notice.device", { by, name });
    case "device-gone":
      return t("notice.device-gone", { by, name });
    case "disappearing":
      return t("notice.disappearing", { by });
    case "ghost":
      return t("notice.ghost");
    case "fork":
      return t("notice.fork");
    case "healed":
    case "fork.over":
      return t(notice.kind);
    case "undecryptable":
      return t("undecryptable", { name });
    case "gap":
      return t("gap", { name, count: notice.count ?? 1 });
    default:
      return t("notice.unknown");
  }
}

/** A message or the last one on one line: for the list, quotes and announcements. */
export function glance(of: Last | Message): string {
  if (of.kind === "notice") return noticeText(of.notice);
  if (of.deleted !== undefined && of.deleted !== false)
    return of.own === true ? t("msg.deleted.own") : t("msg.deleted", { name: of.name });
  const file = "file" in of ? of.file?.name : undefined;
  return plainOf(of.text ?? "") || (file ?? "");
}
