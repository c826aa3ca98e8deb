/** Which page is shown. The fragment of a meeting's address stays in the page. */
export type Route = { readonly kind: "start" } | { readonly kind: "meeting"; readonly url: string };

/** The page of an address. */
export function routeOf(address: Pick<Location, "pathname" | "href">): Route {
  return address.pathname.startsWith("/m/") ? { kind: "meeting", url: address.href } : { kind: "start" };
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
  const same =
    next.kind === current.kind &&
    (next.kind === "start" || (current.kind === "meeting" && next.url === current.url));
  if (!same) current = next;
}
