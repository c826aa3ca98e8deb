import { resolve } from "node:path";
import { root, start } from "./server.ts";

/** What the tap saw of one stream. */
export interface StreamReport {
  readonly kind: string;
  readonly mid: string;
  readonly rid: string;
  readonly ssrc: number;
  readonly codecs: readonly string[];
  readonly packets: number;
  readonly opened: number;
  readonly failed: number;
  readonly incomplete: number;
  readonly empty: number;
  readonly layers: Readonly<Record<string, number>>;
}

export interface Report {
  readonly frames: number;
  readonly opened: number;
  readonly failed: number;
  readonly incomplete: number;
  readonly streams: readonly StreamReport[];
  /** The first frames that did not open, with the reason. */
  readonly failures: readonly string[];
}

export interface Wiretap {
  readonly link: string;
  report(): Promise<Report>;
  stop(): Promise<void>;
}

/** Starts a server with a tap that is a member of a fresh meeting. */
export async function startWiretap(): Promise<Wiretap> {
  const running = await start(resolve(root, "bin/wiretap"), []);
  const about = (await (await fetch(`${running.url}/tap`)).json()) as { link: string };
  return {
    link: about.link,
    report: async () => (await (await fetch(`${running.url}/tap/report`)).json()) as Report,
    stop: () => running.stop(),
  };
}
