// What tabs of one origin agree on, by Web Locks. Where there are none (outside a secure context, in Node),
// everybody goes on alone: then a file may be fetched twice, and the last one written counts.

function locks(): LockManager | undefined {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
}

/**
 * Runs a task while no other tab runs one of this name. A tab that closes hands the turn on.
 * @param signal gives up waiting
 * @param onWait told if another one has the turn
 */
export async function exclusively<T>(
  name: string,
  signal: AbortSignal | undefined,
  onWait: () => void,
  task: () => Promise<T>,
): Promise<T> {
  const manager = locks();
  if (!manager) return task();
  let isOurs = false;
  const ours = () => {
    isOurs = true;
    return task();
  };
  try {
    const atOnce = await manager.request(
      name,
      { ifAvailable: true },
      async (lock) => lock && { result: await ours() },
    );
    if (atOnce) return atOnce.result;
    onWait();
    return await manager.request(name, signal ? { signal } : {}, ours);
  } catch (error) {
    signal?.throwIfAborted();
    // A document that may not store anything may not lock either.
    if (isOurs) throw error;
    return task();
  }
}

/** Says that something of this name is in use, until the promise resolves. */
export function holdInUse(name: string, until: Promise<void>): void {
  locks()
    ?.request(name, { mode: "shared" }, () => until)
    .catch(() => undefined);
}

/** Runs a task unless something of this name is in use in any tab; tells whether it ran. */
export async function unlessInUse(
  name: string,
  task: () => Promise<void>,
): Promise<boolean> {
  const run = () => task().then(() => true);
  return (
    locks()?.request(name, { ifAvailable: true }, (lock) =>
      lock ? run() : false,
    ) ?? run()
  );
}
