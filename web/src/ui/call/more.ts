import { t } from "../../words/words.svelte.ts";
import { copyText } from "../clipboard.ts";
import { deviceGroups } from "../device-menus.ts";
import type { MenuGroup, MenuItem } from "../kit/Menu.svelte";
import { toggleFullScreen } from "./keys.ts";
import type { CallView } from "./view.svelte.ts";

/** What is behind More. On a phone everything that the bar has no room for is here too. */
export function moreGroups(view: CallView, canShare: boolean): MenuGroup[] {
  const { call, engine } = view;
  const rest: MenuItem[] = [
    { label: t("more.invite"), icon: "qr", choose: () => (view.dialog = "invite") },
    ...(document.fullscreenEnabled
      ? [
          {
            label: document.fullscreenElement ? t("more.full.end") : t("more.full"),
            icon: "expand" as const,
            choose: toggleFullScreen,
          },
        ]
      : []),
    {
      label: t("more.audio"),
      kind: "checkbox",
      checked: view.audioOnly,
      choose: () => view.setAudioOnly(!view.audioOnly),
    },
    {
      label: t("more.figures"),
      kind: "checkbox",
      checked: view.figures,
      choose: () => (view.figures = !view.figures),
    },
    { label: t("more.settings"), icon: "gear", choose: () => (view.dialog = "settings") },
    { label: t("more.keys"), icon: "keyboard", choose: () => (view.dialog = "keys") },
  ];
  if (view.form !== "phone") return [{ items: rest }];

  const share: MenuItem = {
    label: call.sharing ? t("ctl.share.stop") : t("ctl.share"),
    icon: "screen",
    testid: "share-screen",
    choose: () => void engine.shareScreen(!call.sharing),
  };
  const people: MenuItem = {
    label: t("ctl.people", { count: call.members.length }),
    icon: "people",
    testid: "participants",
    choose: () => view.show("people"),
  };
  const link: MenuItem = {
    label: t("ctl.link"),
    icon: "link",
    testid: "copy-link",
    data: { link: call.linkUrl },
    choose: () => void copyText(call.linkUrl).then((done) => view.copied(done)),
  };
  const first = [people, link, ...(canShare ? [share] : [])];
  return [
    { items: [...first, ...rest] },
    ...deviceGroups(engine, call.devices, ["microphone", "camera", "speaker"]),
  ];
}
