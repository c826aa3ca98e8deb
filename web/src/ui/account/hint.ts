const place = "conclave.account";

/** Remembers, for the start page, that this browser has an account. Nothing secret. */
export function keepHint(handle: string): void {
  try {
    if (handle === "") localStorage.removeItem(place);
    else localStorage.setItem(place, handle);
  } catch {
    // Storage is off: the start page offers to sign in.
  }
}

/** The handle of this browser's account, empty if there is none. */
export function hintedHandle(): string {
  try {
    return (localStorage.getItem(place) ?? "").slice(0, 32);
  } catch {
    return "";
  }
}
