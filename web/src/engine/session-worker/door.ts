import type { ConclaveDoor } from "../bridge.d.ts";

/** What wasm_exec.js, the loader of the Go release, puts into the global scope. */
interface GoRuntime {
  readonly importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

interface GoScope {
  readonly Go?: new () => GoRuntime;
  conclave?: ConclaveDoor;
  conclaveReady?: () => void;
}

/**
 * Loads conclave.wasm and returns the door to it. `ended` is called if the Go
 * program ever stops, after which the door is of no use.
 */
export async function openDoor(origin: string, ended: () => void): Promise<ConclaveDoor> {
  const scope = globalThis as unknown as GoScope;
  // The loader is a plain script; as a module it runs just the same. The
  // address is put together so that no bundler looks for it.
  const loader = new URL("/wasm_exec.js", origin).href;
  await import(/* @vite-ignore */ loader);
  if (scope.Go === undefined) {
    throw new Error("wasm_exec.js has no Go");
  }
  const go = new scope.Go();
  const ready = new Promise<void>((resolve) => {
    scope.conclaveReady = resolve;
  });
  const response = fetch(new URL("/conclave.wasm", origin), { credentials: "omit" });
  const { instance } = await WebAssembly.instantiateStreaming(response, go.importObject);
  const run = go.run(instance).finally(ended);
  await Promise.race([ready, run]);
  if (scope.conclave === undefined) {
    throw new Error("conclave.wasm has no door");
  }
  return scope.conclave;
}
