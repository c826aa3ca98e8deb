import type { AccountDoor } from "../bridge.d.ts";

/** What wasm_exec.js, the loader of the Go release, puts into the global scope. */
interface GoRuntime {
  readonly importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

interface GoScope {
  readonly Go?: new () => GoRuntime;
  conclaveAccount?: AccountDoor;
  conclaveReady?: () => void;
}

/** Loads conclave-account.wasm and returns the door to it. `ended` is called if the Go program ever stops. */
export async function openAccountDoor(origin: string, ended: () => void): Promise<AccountDoor> {
  const scope = globalThis as unknown as GoScope;
  // The address is put together so that no bundler looks for it.
  const loader = new URL("/wasm_exec.js", origin).href;
  await import(/* @vite-ignore */ loader);
  if (scope.Go === undefined) throw new Error("wasm_exec.js has no Go");
  const go = new scope.Go();
  const ready = new Promise<void>((resolve) => {
    scope.conclaveReady = resolve;
  });
  const response = fetch(new URL("/conclave-account.wasm", origin), { credentials: "omit" });
  const { instance } = await WebAssembly.instantiateStreaming(response, go.importObject);
  const run = go.run(instance).finally(ended);
  await Promise.race([ready, run]);
  if (scope.conclaveAccount === undefined) throw new Error("conclave-account.wasm has no door");
  return scope.conclaveAccount;
}
