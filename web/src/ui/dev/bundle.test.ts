import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const dist = fileURLToPath(new URL("../../../dist/assets", import.meta.url));
const built = existsSync(dist);

/** Every text that only the fake engine and its scenes have. */
const marks = ["conclave-fake-engine", "fakeCall", "Row four is short one chair", "prejoin-no-camera", "acct-no-keys-compare", "msg-hostile"];

describe("the built client", () => {
  it("is there under CI", () => {
    expect(built || process.env["CI"] !== "true").toBe(true);
  });

  it.skipIf(!built)("holds nothing of the fake engine", () => {
    const files = readdirSync(dist);
    expect(files.some((name) => name.endsWith(".js"))).toBe(true);
    for (const name of files) {
      const text = readFileSync(`${dist}/${name}`, "utf8");
      for (const mark of marks) expect(text.includes(mark), `${mark} in ${name}`).toBe(false);
    }
  });

  it("would be caught: the marks are those of the fake engine", () => {
    const source = ["fake-engine.ts", "scenes.ts", "account-scenes.ts", "fake-messages.ts"]
      .map((name) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8"))
      .join("");
    for (const mark of marks) expect(source).toContain(mark);
  });
});
