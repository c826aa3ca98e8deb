/**
 * Starting workers under Trusted Types (W3C Trusted Types, section 2). The
 * server's policy names this one, `conclave`, and it lets through nothing but
 * scripts of our own origin.
 */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string };
}

let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined;

/** Starts a module worker from a file of this build. */
export function startWorker(url: string, name: string): Worker {
  return new Worker(scriptURL(url), { type: "module", name });
}

function scriptURL(url: string): string {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) {
    return ownScript(url);
  }
  policy ??= trustedTypes.createPolicy("conclave", { createScriptURL: ownScript });
  return policy.createScriptURL(url);
}

function ownScript(url: string): string {
  const resolved = new URL(url, location.href);
  if (resolved.origin !== location.origin) {
    throw new TypeError("worker of another origin refused");
  }
  return resolved.href;
}
