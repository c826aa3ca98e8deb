import type { Attachment } from "svelte/attachments";

/**
 * For the heading of a page or step: takes the focus if what had it is gone, so
 * that a keyboard goes on from here and a screen reader says where this is.
 */
export const focusIfLost: Attachment<HTMLElement> = (heading) => {
  heading.tabIndex = -1;
  const lost = document.activeElement === null || document.activeElement === document.body;
  if (lost) heading.focus({ preventScroll: true });
};
