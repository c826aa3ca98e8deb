/** What a key does in a call or before it. */
export type Command =
  | { readonly kind: "mic" | "camera" | "share" | "hand" | "chat" | "people" | "layout" | "strip" }
  | { readonly kind: "shield" | "full" | "figures" | "list" | "close" | "talk" }
  | { readonly kind: "pin"; readonly place: number }
  | { readonly kind: "unpin" }
  | { readonly kind: "region"; readonly step: 1 | -1 };

/** The parts of a key event that decide. */
export interface Pressed {
  readonly key: string;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
  readonly meta: boolean;
  readonly repeat: boolean;
}

export interface Place {
  /** A text field has the focus. */
  readonly typing: boolean;
  /** A control that Space would press has the focus. */
  readonly onControl: boolean;
  /** Shortcuts with a single key are switched on. */
  readonly singleKeys: boolean;
}

const letters: Readonly<Record<string, Command>> = {
  m: { kind: "mic" },
  v: { kind: "camera" },
  d: { kind: "share" },
  r: { kind: "hand" },
  c: { kind: "chat" },
  p: { kind: "people" },
  w: { kind: "layout" },
  f: { kind: "strip" },
  i: { kind: "shield" },
  s: { kind: "full" },
  t: { kind: "figures" },
};

/** The command of a key press, as in the table of keys; undefined leaves the key to the page. */
export function commandOf(pressed: Pressed, place: Place): Command | undefined {
  const key = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  if (key === "F6" && !pressed.ctrl && !pressed.alt && !pressed.meta)
    return { kind: "region", step: pressed.shift ? -1 : 1 };
  if (key === "Escape") return { kind: "close" };
  if (pressed.repeat) return undefined;
  if ((pressed.ctrl || pressed.meta) && !pressed.shift && !pressed.alt) {
    if (key === "d") return { kind: "mic" };
    if (key === "e") return { kind: "camera" };
    return undefined;
  }
  if (pressed.ctrl || pressed.meta || pressed.alt || place.typing || !place.singleKeys) return undefined;
  if (key === "?") return { kind: "list" };
  if (key === " ") return place.onControl ? undefined : { kind: "talk" };
  if (pressed.shift) return undefined;
  if (key === "0") return { kind: "unpin" };
  if (/^[1-9]$/u.test(key)) return { kind: "pin", place: Number(key) };
  return letters[key];
}
