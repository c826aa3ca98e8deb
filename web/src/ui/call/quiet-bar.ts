import type { Attachment } from "svelte/attachments";
import type { CallView } from "./view.svelte.ts";

const restFor = 4000; // ms without the pointer

/**
 * Hides the bar in full screen when the pointer has rested for 4 s; never after
 * the keyboard was used, and never while a panel or menu is open.
 */
export function quietBar(view: CallView): Attachment<HTMLElement> {
  return (root) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let byKeyboard = false;

    const busy = (): boolean =>
      view.panel !== "none" ||
      view.shieldOpen ||
      view.dialog !== "none" ||
      root.querySelector("[aria-expanded=true]") !== null;
    const wake = (): void => {
      root.classList.remove("quiet");
      clearTimeout(timer);
      if (!document.fullscreenElement || byKeyboard) return;
      timer = setTimeout(() => (busy() ? wake() : root.classList.add("quiet")), restFor);
    };
    const onpointer = (): void => {
      byKeyboard = false;
      wake();
    };
    const onkey = (): void => {
      byKeyboard = true;
      wake();
    };

    root.addEventListener("pointermove", onpointer);
    root.addEventListener("pointerdown", onpointer);
    addEventListener("keydown", onkey);
    document.addEventListener("fullscreenchange", wake);
    return () => {
      clearTimeout(timer);
      root.removeEventListener("pointermove", onpointer);
      root.removeEventListener("pointerdown", onpointer);
      removeEventListener("keydown", onkey);
      document.removeEventListener("fullscreenchange", wake);
    };
  };
}
