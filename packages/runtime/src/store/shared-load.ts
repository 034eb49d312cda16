// Loads once what several callers wait for.

/**
 * A loading that callers share. One who gives up does not keep the others from it, and a failed one is not kept.
 * @param load what is done; the signal is that of the caller who came first
 */
export function sharedLoad<T>(
  load: (signal: AbortSignal | undefined) => Promise<T>,
): (signal: AbortSignal | undefined) => Promise<T> {
  let current:
    | { readonly result: Promise<T>; readonly signal: AbortSignal | undefined }
    | undefined;
  return async (signal) => {
    for (;;) {
      const mine = (current ??= { result: load(signal), signal });
      try {
        return await mine.result;
      } catch (error) {
        if (current === mine) current = undefined;
        if (signal?.aborted || !mine.signal?.aborted) throw error;
      }
    }
  };
}
