import type { MemberIndex, Tile } from "../../engine/types.ts";
import {
  cornerRect,
  gridRects,
  phoneRects,
  speakerRects,
  stripRoom,
  type Area,
  type Corner,
  type Rect,
} from "./arrange.ts";

export type Layout = "grid" | "speaker";
export type Form = "phone" | "tablet" | "desktop";

export interface StageWish {
  readonly layout: Layout;
  readonly form: Form;
  /** Whether the strip is shown above the large picture. */
  readonly strip: boolean;
  readonly pinned: string | undefined;
  /** The camera of whoever spoke last. */
  readonly floor: string | undefined;
  readonly page: number;
  readonly corner: Corner;
  readonly you: MemberIndex | undefined;
}

export interface Placed {
  readonly tile: Tile;
  readonly rect: Rect;
  /** large: the one picture that matters; corner: the own one over it. */
  readonly role: "equal" | "large" | "strip" | "corner";
}

export interface Stage {
  readonly mode: "alone" | "pair" | "grid" | "speaker" | "phone";
  readonly placed: readonly Placed[];
  readonly page: number;
  readonly pages: number;
}

/** Tiles a page at most. */
export const perPage: Readonly<Record<Form, number>> = { desktop: 9, tablet: 6, phone: 5 };

/** Says which tiles are drawn, where and how. The tiles come in the order of TileOrder. */
export function planStage(tiles: readonly Tile[], wish: StageWish, area: Area): Stage {
  const self = tiles.find((tile) => tile.kind === "self");
  const others = tiles.filter((tile) => tile !== self);
  const [only] = others;
  if (self && others.length === 0) {
    return {
      mode: "alone",
      placed: [{ tile: self, rect: cornerRect(area, wish.corner), role: "corner" }],
      page: 0,
      pages: 1,
    };
  }
  if (self && only && others.length === 1) {
    const whole = { x: 0, y: 0, w: area.w, h: area.h };
    const corner = { tile: self, rect: cornerRect(area, wish.corner), role: "corner" as const };
    return { mode: "pair", placed: [{ tile: only, rect: whole, role: "large" }, corner], page: 0, pages: 1 };
  }
  if (wish.form === "phone" && area.h > area.w)
    return withLarge("phone", tiles, wish, perPage.phone - 1, area);
  if (wish.layout === "speaker")
    return withLarge("speaker", tiles, wish, wish.strip ? stripRoom(area) : 0, area);

  const most = perPage[wish.form];
  const { shown, page, pages } = pageOf(tiles, most, wish.page);
  const rects = gridRects(shown.length, area, wish.form === "desktop" ? 3 : 2);
  return { mode: "grid", placed: pair(shown, rects, "equal"), page, pages };
}

function withLarge(
  mode: "phone" | "speaker",
  tiles: readonly Tile[],
  wish: StageWish,
  room: number,
  area: Area,
): Stage {
  const large = largeTile(tiles, wish);
  if (!large) return { mode, placed: [], page: 0, pages: 1 };
  const rest = room === 0 ? [] : tiles.filter((tile) => tile !== large);
  const { shown, page, pages } = pageOf(rest, Math.max(1, room), wish.page);
  const rects = mode === "phone" ? phoneRects(shown.length + 1, area) : speakerRects(shown.length, area);
  const [first, ...others] = rects;
  const placed: Placed[] = first ? [{ tile: large, rect: first, role: "large" }] : [];
  return {
    mode,
    placed: [...placed, ...pair(shown, others, mode === "phone" ? "equal" : "strip")],
    page,
    pages,
  };
}

/** Pinned by hand, else a screen of another, else whoever spoke last, else the first other. */
function largeTile(tiles: readonly Tile[], { pinned, floor, you }: StageWish): Tile | undefined {
  return (
    tiles.find((tile) => tile.id === pinned) ??
    tiles.find((tile) => tile.kind === "screen" && tile.member !== you) ??
    tiles.find((tile) => tile.id === floor) ??
    tiles.find((tile) => tile.kind !== "self" && (you === undefined || tile.member !== you)) ??
    tiles[0]
  );
}

function pageOf(
  tiles: readonly Tile[],
  most: number,
  wanted: number,
): { shown: readonly Tile[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(tiles.length / most));
  const page = Math.max(0, Math.min(wanted, pages - 1));
  return { shown: tiles.slice(page * most, (page + 1) * most), page, pages };
}

function pair(tiles: readonly Tile[], rects: readonly Rect[], role: Placed["role"]): Placed[] {
  return tiles.flatMap((tile, i) => {
    const rect = rects[i];
    return rect ? [{ tile, rect, role }] : [];
  });
}
