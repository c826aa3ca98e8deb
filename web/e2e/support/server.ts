import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../../..");

/** A process of the product, started for one test and stopped with it. */
export interface Running {
  readonly url: string;
  readonly log: () => string;
  stop(): Promise<void>;
}

/** Starts `conclave serve`, on a free port unless one is given, and waits until it answers. */
export async function startServer(args: readonly string[] = [], host = "127.0.0.1", port = 0): Promise<Running> {
  const data = mkdtempSync(join(tmpdir(), "conclave-e2e-"));
  const binary = resolve(root, "bin/conclave");
  if (!existsSync(binary)) throw new Error("bin/conclave is missing: run make build");
  const running = await start(binary, ["serve", "--listen", `${host}:${port}`, "--data", data, ...args]);
  return {
    ...running,
    stop: async () => {
      await running.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Starts a program that prints its address, as the first URL, on standard output. */
export async function start(binary: string, args: readonly string[]): Promise<Running> {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const url = await new Promise<string>((done, fail) => {
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      out += chunk.toString();
      const found = /https?:\/\/\S+/.exec(out);
      if (found) done(found[0].replace(/\/$/, ""));
    });
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    child.once("exit", (code) => fail(new Error(`${binary} ended with ${code}:\n${log}`)));
  });
  return { url, log: () => log, stop: () => end(child) };
}

export function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once("exit", () => done());
    child.kill("SIGTERM");
  });
}
