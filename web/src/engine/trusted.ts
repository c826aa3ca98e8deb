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

/**
 * The whole address of a file of our own origin. All others are refused, and
 * so are blob: addresses, whose origin is that of the page that made them.
 */
export function ownScript(url: string): string {
  const resolved = new URL(url, location.href);
  const fromServer = resolved.protocol === "https:" || resolved.protocol === "http:";
  if (!fromServer || resolved.protocol !== location.protocol || resolved.origin !== location.origin) {
    throw new TypeError("worker of another origin refused");
  }
  return resolved.href;
}
