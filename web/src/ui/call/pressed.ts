import type { Place, Pressed } from "./keymap.ts";

/** The parts of an event that decide about a command. */
export function pressedOf(event: KeyboardEvent): Pressed {
  return {
    key: event.key,
    ctrl: event.ctrlKey,
    shift: event.shiftKey,
    alt: event.altKey,
    meta: event.metaKey,
    repeat: event.repeat,
  };
}

/** Where the focus is: in a text, on a control, or elsewhere. */
export function placeOf(event: KeyboardEvent, singleKeys: boolean): Place {
  const target = event.target instanceof HTMLElement ? event.target : undefined;
  const field = target?.closest("input, textarea, select, [contenteditable]");
  const typing =
    field instanceof HTMLInputElement
      ? !["checkbox", "radio", "button"].includes(field.type)
      : Boolean(field);
  return {
    typing,
    onControl: Boolean(target?.closest("button, a, input, select, summary, [role=menuitem]")),
    singleKeys,
  };
}
