// Asks the browser to keep this origin's storage.

/**
 * `navigator.storage.persist`; some browsers ask their user. Workers do not have it.
 * @returns whether the browser agrees
 */
export async function askToPersist(): Promise<boolean> {
  const { storage } = (globalThis.navigator ?? {}) as {
    storage?: Partial<StorageManager>;
  };
  return (await storage?.persist?.()) ?? false;
}
