const name = "conclave-account";

/**
 * Takes the account for this tab: two would overwrite what the other stored.
 * Reports false if another tab has it and is not to be robbed. `taken` is
 * called when another tab takes it later. It is given back when the worker ends.
 */
export function holdAccount(locks: LockManager, steal: boolean, taken: () => void): Promise<boolean> {
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
