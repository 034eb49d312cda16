// Waiting that a signal ends.

/** Settles as the work does, or rejects at once with the signal's reason; the work itself goes on. */
export async function abortable<T>(
  work: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (!signal) return work;
  let stop!: () => void;
  const aborted = new Promise<void>((resolve) => (stop = resolve)).then(
    (): never => {
      throw signal.reason;
    },
  );
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
