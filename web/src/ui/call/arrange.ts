/** Where a tile lies in the stage: CSS pixels, x from the side where writing starts. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Area {
  readonly w: number;
  readonly h: number;
  readonly gap: number;
}

export type Corner = "top-start" | "top-end" | "bottom-start" | "bottom-end";

/** Faces are cut least between these; 5:4 instead of 4:3 lets two rows of three fill a 1280 screen. */
const narrowest = 5 / 4;
const widest = 16 / 9;

const stripHeight = 100; // CSS pixels
const stripNarrowest = 4 / 3;
/** The tiles beside the large one that a wide strip shows at once; nine with the large one. */
export const stripMost = 8;

/** Equal rows of tiles in the arrangement that covers most of the area. */
export function gridRects(count: number, area: Area, mostColumns: number): Rect[] {
  let best: Rect[] = [];
  let bestSize = -1;
  for (let columns = 1; columns <= Math.min(count, mostColumns); columns++) {
    const rects = rowsOf(count, columns, area);
    const size = rects.reduce((sum, r) => sum + r.w * r.h, 0);
    if (size > bestSize) [best, bestSize] = [rects, size];
  }
  return best;
}

/** Fills rows from the top; earlier rows hold one more where the count does not divide. */
function rowsOf(count: number, columns: number, area: Area): Rect[] {
  const rows = Math.ceil(count / columns);
  const rowHeight = (area.h - area.gap * (rows - 1)) / rows;
  const counts = Array.from(
    { length: rows },
    (_, i) => Math.floor(count / rows) + (i < count % rows ? 1 : 0),
  );
  const cell = (k: number): number => (area.w - area.gap * (k - 1)) / k;
  const h = Math.floor(Math.max(0, Math.min(rowHeight, ...counts.map((k) => cell(k) / narrowest))));
  const top = Math.max(0, Math.floor((area.h - rows * h - (rows - 1) * area.gap) / 2));
  return counts.flatMap((k, row) => {
    const w = Math.floor(Math.max(0, Math.min(cell(k), h * widest)));
    const start = Math.max(0, Math.floor((area.w - k * w - (k - 1) * area.gap) / 2));
    return Array.from({ length: k }, (_, i) => ({
      x: start + i * (w + area.gap),
      y: top + row * (h + area.gap),
      w,
      h,
    }));
  });
}

/** How many tiles the strip above the large picture holds. */
export function stripRoom(area: Area): number {
  const fit = Math.floor((area.w + area.gap) / (stripHeight * stripNarrowest + area.gap));
  return Math.max(1, Math.min(stripMost, fit));
}

/** The large tile first, then the strip above it in order. */
export function speakerRects(strip: number, area: Area): Rect[] {
  if (strip === 0) return [{ x: 0, y: 0, w: area.w, h: area.h }];
  const w = Math.floor(Math.min((area.w - area.gap * (strip - 1)) / strip, stripHeight * widest));
  const start = Math.max(0, Math.floor((area.w - strip * w - (strip - 1) * area.gap) / 2));
  const top = stripHeight + area.gap;
  return [
    { x: 0, y: top, w: area.w, h: Math.max(0, area.h - top) },
    ...Array.from({ length: strip }, (_, i) => ({ x: start + i * (w + area.gap), y: 0, w, h: stripHeight })),
  ];
}

/** A phone held upright: one large tile, then two columns; a last one alone takes both. */
export function phoneRects(count: number, area: Area): Rect[] {
  const rows = Math.ceil((count - 1) / 2);
  if (rows === 0) return [{ x: 0, y: 0, w: area.w, h: area.h }];
  const unit = (area.h - area.gap * rows) / (1.55 + rows);
  const half = (area.w - area.gap) / 2;
  const large = { x: 0, y: 0, w: area.w, h: 1.55 * unit };
  const small = Array.from({ length: count - 1 }, (_, i) => {
    const alone = i === count - 2 && i % 2 === 0;
    const row = Math.floor(i / 2);
    return {
      x: i % 2 === 0 ? 0 : half + area.gap,
      y: large.h + area.gap + row * (unit + area.gap),
      w: alone ? area.w : half,
      h: unit,
    };
  });
  return [large, ...small].map((r) => ({
    x: Math.round(r.x),
    y: Math.round(r.y),
    w: Math.floor(r.w),
    h: Math.floor(r.h),
  }));
}

/** The own picture over the other's: a fifth of the width, in a corner. */
export function cornerRect(area: Area, corner: Corner): Rect {
  const inset = 12; // CSS pixels to the edges
  const w = Math.round(Math.min(Math.max(area.w * 0.2, 112), 320));
  const h = Math.round((w * 5) / 8);
  return {
    x: corner.endsWith("end") ? area.w - w - inset : inset,
    y: corner.startsWith("bottom") ? area.h - h - inset : inset,
    w,
    h,
  };
}

/** The corner that an arrow key moves to, in the reading direction of the page. */
export function moveCorner(corner: Corner, key: string, rtl: boolean): Corner {
  const [block, inline] = corner.split("-");
  const towardsEnd = rtl ? "ArrowLeft" : "ArrowRight";
  const towardsStart = rtl ? "ArrowRight" : "ArrowLeft";
  const nextBlock =
    key === "ArrowUp" ? "top" : key === "ArrowDown" ? "bottom" : block === "top" ? "top" : "bottom";
  const nextInline =
    key === towardsEnd ? "end" : key === towardsStart ? "start" : inline === "start" ? "start" : "end";
  return `${nextBlock}-${nextInline}`;
}
