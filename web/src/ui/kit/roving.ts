import type { Attachment } from "svelte/attachments";

/**
 * One tab stop for a group; arrows, Home and End move inside. `items` selects
 * what takes the focus. The arrows follow the reading direction.
 */
export function roving(items: string, axis: "inline" | "both"): Attachment<HTMLElement> {
  return (group) => {
    const all = (): HTMLElement[] =>
      [...group.querySelectorAll<HTMLElement>(items)].filter((item) => item.checkVisibility());
    let at: HTMLElement | undefined;
    let index = 0;
    let focused = false;

    const settle = (): void => {
      const here = all();
      const stop = at && here.includes(at) ? at : here[0];
      for (const item of group.querySelectorAll<HTMLElement>(items)) item.tabIndex = item === stop ? 0 : -1;
    };
    const onfocusin = (event: FocusEvent): void => {
      const item = event.target instanceof Element ? event.target.closest<HTMLElement>(items) : null;
      if (!item || !group.contains(item)) return;
      at = item;
      index = all().indexOf(item);
      focused = true;
      settle();
    };
    const onfocusout = (): void => {
      queueMicrotask(() => {
        if (at?.isConnected === true && !group.contains(document.activeElement)) focused = false;
      });
    };
    const onkeydown = (event: KeyboardEvent): void => {
      const here = all();
      const from = here.findIndex((item) => item === document.activeElement);
      if (from < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
      const rtl = getComputedStyle(group).direction === "rtl";
      const next = step(event.key, from, here.length, rtl, axis);
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      here[next]?.focus();
    };
    const observer = new MutationObserver(() => {
      // The item that had the focus is gone: its neighbour gets it.
      const orphaned = document.activeElement === null || document.activeElement === document.body;
      if (focused && at?.isConnected === false && orphaned)
        all()
          .at(Math.min(index, all().length - 1))
          ?.focus();
      settle();
    });

    group.addEventListener("focusin", onfocusin);
    group.addEventListener("focusout", onfocusout);
    group.addEventListener("keydown", onkeydown);
    observer.observe(group, { childList: true, subtree: true });
    settle();
    return () => {
      group.removeEventListener("focusin", onfocusin);
      group.removeEventListener("focusout", onfocusout);
      group.removeEventListener("keydown", onkeydown);
      observer.disconnect();
    };
  };
}

function step(
  key: string,
  from: number,
  count: number,
  rtl: boolean,
  axis: "inline" | "both",
): number | undefined {
  const forward = rtl ? "ArrowLeft" : "ArrowRight";
  const back = rtl ? "ArrowRight" : "ArrowLeft";
  if (key === forward || (axis === "both" && key === "ArrowDown")) return (from + 1) % count;
  if (key === back || (axis === "both" && key === "ArrowUp")) return (from - 1 + count) % count;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}
