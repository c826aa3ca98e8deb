import { go, routeOf } from "../route.svelte.ts";

/**
 * Follows links between the pages of the account without loading the page
 * again, which would open the vault again. All others are the browser's.
 */
export function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.origin !== location.origin || link.target !== "" || link.hasAttribute("download")) return;
  // Jumps within the page are the browser’s too.
  if (link.hash !== "" || routeOf(link).kind !== "account") return;
  event.preventDefault();
  go(link.pathname + link.search);
}
