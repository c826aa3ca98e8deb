import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ownScript } from "./trusted.ts";

describe("ownScript", () => {
  beforeEach(() => vi.stubGlobal("location", new URL("https://meet.example/m/abc#secret")));
  afterEach(() => vi.unstubAllGlobals());

  test.each(["/assets/worker-1.js", "https://meet.example/assets/worker-1.js", "../assets/worker-1.js"])(
    "lets %s through",
    (url) => {
      expect(ownScript(url)).toBe("https://meet.example/assets/worker-1.js");
    },
  );

  test.each([
    "blob:https://meet.example/0f8fad5b-d9cb-469f-a165-70867728950e",
    "data:text/javascript,postMessage(1)",
    "javascript:postMessage(1)",
    "filesystem:https://meet.example/temporary/worker.js",
    "file:///worker.js",
    "http://meet.example/worker.js",
    "https://meet.example:8443/worker.js",
    "https://evil.example/worker.js",
    "//evil.example/worker.js",
    "\\\\evil.example\\worker.js",
    "wss://meet.example/worker.js",
  ])("refuses %s", (url) => {
    expect(() => ownScript(url)).toThrow("worker of another origin refused");
  });

  test("refuses everything on a page that does not come from a server", () => {
    vi.stubGlobal("location", new URL("file:///index.html"));
    expect(() => ownScript("file:///worker.js")).toThrow("worker of another origin refused");
  });
});
