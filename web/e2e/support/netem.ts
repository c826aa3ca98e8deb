import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromiumPath } from "./browsers.ts";
import { root } from "./server.ts";

/** What can be changed while a browser runs behind the link. */
export interface Profile {
  readonly downBps?: number;
  readonly upBps?: number;
  readonly delayMs?: number;
  readonly loss?: number;
}

/** A network path with a rate, a delay and a loss, in a namespace of its own. */
export interface Link {
  /** Pass as executablePath: a Chromium that lives behind the link. */
  readonly chromium: string;
  /** The address of this machine as seen from behind the link. */
  readonly outside: string;
  set(profile: Profile): Promise<void>;
  stop(): Promise<void>;
}

/** Network namespaces need root and the ip tool. */
export function canEmulate(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/dev/net/tun")) return false;
  try {
    execFileSync("ip", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Prepares a link; the namespace lives as long as the browser started in it. */
export async function startLink(): Promise<Link> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-link-"));
  const control = await freePort();
  // A number of this process, so that two runs on one machine do not meet.
  const subnet = 2 + (process.pid % 250);
  const wrapper = join(folder, "chromium");
  const netem = resolve(root, "bin/netem");
  writeFileSync(wrapper, `#!/bin/sh\nexec ${netem} run --subnet ${subnet} --control 127.0.0.1:${control} --delay 10ms --queue 32000 -- ${chromiumPath} "$@"\n`);
  chmodSync(wrapper, 0o755);
  return {
    chromium: wrapper,
    outside: `10.77.${subnet}.1`,
    set: async (profile) => {
      const answer = await fetch(`http://127.0.0.1:${control}/profile`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ down_bps: profile.downBps, up_bps: profile.upBps, delay_ms: profile.delayMs, loss: profile.loss }),
      });
      if (!answer.ok) throw new Error(`netem: ${answer.status} ${await answer.text()}`);
    },
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
