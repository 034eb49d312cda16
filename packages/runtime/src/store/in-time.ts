// Waits no longer than it is worth.

/**
 * The work's value; rejects if that takes longer than so many ms.
 * @param late what it then rejects with
 */
export async function inTime<T>(
  work: Promise<T>,
  ms: number,
  late: () => Error = () => new Error("it does not answer"),
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  return Promise.race([work, end]).finally(() => clearTimeout(timer));
}
