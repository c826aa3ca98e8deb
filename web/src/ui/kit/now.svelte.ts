/** The time, renewed every so often as long as the component lives. */
export function nowEvery(milliseconds: number): { readonly at: number } {
  let at = $state(Date.now());
  $effect(() => {
    const timer = setInterval(() => (at = Date.now()), milliseconds);
    return () => clearInterval(timer);
  });
  return {
    get at() {
      return at;
    },
  };
}
