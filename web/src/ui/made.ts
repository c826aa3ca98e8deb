const place = "conclave.made";
const most = 32; // meetings remembered

/** Remembers, as long as the tab lives, that this device made a meeting and may open it. */
export function rememberMade(path: string): void {
  try {
    sessionStorage.setItem(place, JSON.stringify([meetingOf(path), ...made()].slice(0, most)));
  } catch {
    // Without storage the meeting opens until the page is loaded again.
    memory.add(meetingOf(path));
  }
}

/** Reports whether this device made the meeting. Only its public number is kept, never the secret. */
export function wasMadeHere(path: string): boolean {
  return made().includes(meetingOf(path)) || memory.has(meetingOf(path));
}

const memory = new Set<string>();

function meetingOf(path: string): string {
  return new URL(path, "http://localhost").pathname.replace("/m/", "");
}

function made(): string[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(place) ?? "[]");
    return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
