import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The text of an official vector file under $CONCLAVE_VECTORS or, without it,
 * beside the project. Returns undefined when the folder is absent, which only a
 * user's clone may be: under CI=true it throws.
 */
export function vectors(name: string): string | undefined {
  const folder = process.env["CONCLAVE_VECTORS"] ?? join(projectRoot(), "..", "shared", "vectors");
  const path = join(folder, name);
  if (existsSync(path)) {
    return readFileSync(path, "utf8");
  }
  if (process.env["CI"] === "true") {
    throw new Error(`test vectors missing: ${name} (set CONCLAVE_VECTORS)`);
  }
  return undefined;
}

/** The folder of go.mod. */
function projectRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "go.mod"))) {
      return folder;
    }
    if (folder === dirname(folder)) {
      throw new Error("go.mod not found above the tests");
    }
  }
}
