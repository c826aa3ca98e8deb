import type { Device } from "../../account/types.ts";

/** Devices as they are listed: this one first, then by when they were added, the removed last. */
export function inOrder(devices: readonly Device[]): readonly Device[] {
  const rank = (d: Device): number => (d.removed ? 2 : d.this === true ? 0 : 1);
  return devices.toSorted((a, b) => rank(a) - rank(b) || a.added - b.added);
}
