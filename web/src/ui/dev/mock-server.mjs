// Serves the client built in mock mode under the policy that the real server sends, so that what breaks the policy breaks here.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { build } from "vite";

const policy = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "img-src 'self' data: blob:", "media-src 'self' blob:",
  "connect-src 'self'", "worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", "trusted-types conclave svelte-trusted-html",
].join("; ");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm" };

/** Builds the client of `root` in mock mode into `out` and serves it; resolves to its address and how to stop it. */
export async function serveMock(root, out) {
  await build({ root, mode: "mock", logLevel: "error", build: { outDir: out, emptyOutDir: true } });
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = extname(path) === "" ? "/index.html" : path;
    try {
      const body = await readFile(join(out, file));
      response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://localhost:${server.address().port}`, stop: () => new Promise((done) => server.close(done)) };
}
