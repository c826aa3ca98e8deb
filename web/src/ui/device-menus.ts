import type { CallEngine, Devices } from "../engine/types.ts";
import { t } from "../words/words.svelte.ts";
import { choicesOf, chosenOf, type DeviceKind } from "./devices.ts";
import type { MenuGroup } from "./kit/Menu.svelte";

const heads = { microphone: "pre.mic", camera: "pre.camera", speaker: "pre.speaker" } as const;

/** The menu of the arrow beside a control: every device of the kinds, the one in use ticked. */
export function deviceGroups(
  engine: CallEngine,
  devices: Devices,
  kinds: readonly DeviceKind[],
): MenuGroup[] {
  return kinds.map((kind) => {
    const choices = choicesOf(devices, kind);
    const chosen = chosenOf(devices, kind);
    const items = choices.map((choice) => ({
      label: choice.label,
      checked: choice.id === chosen,
      choose: () => void engine.useDevice(kind, choice.id),
    }));
    const none = {
      label: kind === "speaker" ? t("pre.default") : t("pre.none"),
      checked: kind === "speaker",
      choose: () => void engine.preview(),
    };
    return { label: t(heads[kind]), items: items.length > 0 ? items : [none] };
  });
}
