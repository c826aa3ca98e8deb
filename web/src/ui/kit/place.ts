const gap = 6; // CSS pixels between a menu and its button
const edge = 8; // CSS pixels kept free at the edges of the window

/**
 * Puts a popover beside its button: below where there is room, else above; its
 * start edge on the button's, pushed in where the window ends. Physical
 * coordinates on purpose, they come from the layout as it is.
 */
export function place(popover: HTMLElement, button: HTMLElement): void {
  const b = button.getBoundingClientRect();
  const p = popover.getBoundingClientRect();
  const [w, h] = [document.documentElement.clientWidth, document.documentElement.clientHeight];
  const rtl = getComputedStyle(button).direction === "rtl";
  const below = b.bottom + gap;
  const top = below + p.height + edge <= h ? below : b.top - gap - p.height;
  const left = rtl ? b.right - p.width : b.left;
  popover.style.top = `${Math.max(edge, Math.min(top, h - edge - p.height))}px`;
  popover.style.left = `${Math.max(edge, Math.min(left, w - edge - p.width))}px`;
}
