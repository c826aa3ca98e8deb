const name = "conclave-account";

const pause = 300; // ms between tries: a page that was just left gives it back soon
const tries = 4;

/**
 * Takes the account for this tab: two would overwrite what the other stored.
 * Reports false if another tab has it and is not to be robbed. `taken` is
 * called when another tab takes it later. It is given back when the worker ends.
 */
export async function holdAccount(
  locks: LockManager,
  steal: boolean,
  taken: () => void,
  between = pause,
): Promise<boolean> {
  for (let i = 1; ; i++) {
    if (await hold(locks, steal, taken)) return true;
    if (i === tries) return false;
    await new Promise((resolve) => setTimeout(resolve, between));
  }
}

function hold(locks: LockManager, steal: boolean, taken: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const options: LockOptions = steal ? { steal: true } : { ifAvailable: true };
    locks
      .request(name, options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>(() => undefined);
      })
      .catch(() => taken());
  });
}
