// Builds the Go part of the client for the browser and puts it, with the
// loader that belongs to the same Go release, where Vite picks both up.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(web);
const target = join(web, "public");
mkdirSync(target, { recursive: true });

const programs = { "conclave.wasm": "./cmd/conclave-wasm", "conclave-account.wasm": "./cmd/conclave-wasm/account" };
for (const [name, path] of Object.entries(programs)) {
  execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", join(target, name), path], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, GOOS: "js", GOARCH: "wasm", CGO_ENABLED: "0" },
  });
}
const goroot = execFileSync("go", ["env", "GOROOT"], { cwd: root, encoding: "utf8" }).trim();
copyFileSync(join(goroot, "lib", "wasm", "wasm_exec.js"), join(target, "wasm_exec.js"));
