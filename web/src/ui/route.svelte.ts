/** Which page is shown. The fragment of a meeting's address stays in the page. */
export type Route =
  | { readonly kind: "start" }
  | { readonly kind: "meeting"; readonly url: string }
  /** A page of the account; its address says which. */
  | { readonly kind: "account"; readonly url: string };

const accountPages = /^\/(sign-up|sign-in|i|settings(\/[a-z]+)?|verify\/[^/]+|messages(\/[0-9a-f]+)?)$/u;

/** The page of an address. */
export function routeOf(address: Pick<Location, "pathname" | "href">): Route {
  if (address.pathname.startsWith("/m/")) return { kind: "meeting", url: address.href };
  return accountPages.test(address.pathname) ? { kind: "account", url: address.href } : { kind: "start" };
}

let current = $state.raw<Route>({ kind: "start" });

export function route(): Route {
  return current;
}

/** Goes to another page of this client without loading it again. */
export function go(path: string): void {
  history.pushState(null, "", path);
  follow();
}

/** Follows the address bar until stopped. */
export function followAddress(): () => void {
  follow();
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  return () => {
    removeEventListener("popstate", follow);
    removeEventListener("hashchange", follow);
  };
}

function follow(): void {
  const next = routeOf(location);
  const same = next.kind === "start" ? current.kind === "start" : "url" in current && next.url === current.url;
  if (!same) current = next;
}
