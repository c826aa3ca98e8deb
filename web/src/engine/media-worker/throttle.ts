/**
 * Runs act at once and then at most once in every interval; calls in between
 * are merged into one at its end.
 */
export function throttled(act: () => void, intervalMs: number): () => void {
  let busy = false;
  let again = false;
  const run = (): void => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    act();
    setTimeout(() => {
      busy = false;
      if (again) {
        again = false;
        run();
      }
    }, intervalMs);
  };
  return run;
}
