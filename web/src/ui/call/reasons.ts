import type { Tile } from "../../engine/types.ts";
import { t } from "../../words/words.svelte.ts";
import type { IconName } from "../kit/icons.ts";

/** Why a tile shows no picture: what is drawn, the words, and the button if there is something to do. */
export interface Why {
  readonly picture: "avatar" | "spinner" | "none";
  readonly head?: { readonly icon: IconName; readonly text: string };
  readonly text: string;
  readonly action?: "ask" | "rejoin" | "details";
  /** Hatched: a key or a seal is the cause, not the network. */
  readonly hatched: boolean;
  /** The person is not heard either. */
  readonly silent: boolean;
}

const plain = { hatched: false, silent: false } as const;
const sealed = { hatched: true, silent: false } as const;

/** The words of a tile that does not play, as in the table of tile states; undefined while it plays. */
export function whyOf(tile: Tile, audioOnly: boolean): Why | undefined {
  if (tile.state === "playing") return undefined;
  const { name } = tile;
  const count = tile.seconds;
  const reason = tile.reason ?? usual(tile);
  switch (reason) {
    case "connecting":
      return { ...plain, picture: "spinner", text: t("tile.connecting", { name }) };
    case "paused-bandwidth":
      return { ...plain, picture: "avatar", text: t("tile.bandwidth") };
    case "paused-hidden":
      return { ...plain, picture: "avatar", text: audioOnly ? t("tile.audio-only") : t("tile.hidden") };
    case "reconnecting": {
      const head = { icon: "retry", text: t("tile.away", { name }) } as const;
      return {
        ...plain,
        picture: "none",
        head,
        text: count === undefined ? t("tile.away.plain") : t("tile.away.seconds", { count }),
      };
    }
    case "frozen":
      return { ...plain, picture: "none", text: t("tile.frozen", { name, count: count ?? 1 }) };
    case "no-key": {
      const head = { icon: "key", text: t("tile.nokey", { name }) } as const;
      return {
        ...sealed,
        silent: true,
        picture: "avatar",
        head,
        text: t("tile.nokey.why", { name }),
        action: "ask",
      };
    }
    case "no-key-long": {
      const head = { icon: "key", text: t("tile.nokey.long", { name }) } as const;
      return {
        ...sealed,
        silent: true,
        picture: "avatar",
        head,
        text: t("tile.nokey.long.why", { name }),
        action: "rejoin",
      };
    }
    case "refused": {
      const head = { icon: "shield-broken", text: t("tile.refused") } as const;
      return { ...sealed, picture: "avatar", head, text: t("tile.refused.why", { name }), action: "details" };
    }
    case "codec":
      return { ...sealed, picture: "avatar", text: t("tile.codec", { name }) };
    case "camera-off":
      return { ...plain, picture: "avatar", text: tile.kind === "self" ? t("tile.off.you") : t("tile.off") };
    case "no-camera":
      return { ...plain, picture: "avatar", text: t("tile.none") };
    default:
      return reason satisfies never;
  }
}

function usual(tile: Tile): NonNullable<Tile["reason"]> {
  if (tile.state === "off") return "camera-off";
  return tile.state === "no-key" ? "no-key" : "connecting";
}
