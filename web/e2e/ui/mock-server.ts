import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "vite";
import { root } from "../support/server.ts";

/** The policy of the real server, so that what breaks it breaks here. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "style-src 'self'",
  "manifest-src 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types conclave svelte-trusted-html",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export interface MockServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Builds the client with the fake engine behind it and serves it. */
export async function startMock(): Promise<MockServer> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-mock-"));
  await build({
    root: join(root, "web"),
    mode: "mock",
    logLevel: "error",
    publicDir: false,
    build: { outDir: folder, emptyOutDir: true },
  });
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const name = extname(path) === "" ? "/index.html" : path;
    // What the build would copy beside it: the marks; the Go side is not needed.
    readFile(join(folder, name))
      .catch(() => readFile(join(root, "web/public", name)))
      .then(
        (body) => {
          const type = types[extname(name)] ?? "application/octet-stream";
          response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(body);
        },
        () => response.writeHead(404).end(),
      );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
