// Values of a Unet's inputs that are its own, by their names: the same at every step of a run.

/** Values by name: one number for all of an input, or all numbers of one sample. */
export type UnetConstants = Readonly<
  Record<string, number | readonly number[]>
>;

/**
 * Checks the form of constants.
 * @param at what they are called, for messages
 * @param fail makes the error of what must be, and of what is
 * @throws what `fail` makes
 */
export function parseConstants(
  value: unknown,
  at: string,
  fail: (wanted: string, found: unknown) => Error,
): UnetConstants {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw fail(`${at} must be an object of numbers`, value);
  for (const [name, held] of Object.entries(value)) {
    const numbers: readonly unknown[] = Array.isArray(held) ? held : [held];
    if (numbers.length === 0 || !numbers.every(Number.isFinite))
      throw fail(`${at}.${name} must be a number or a list of numbers`, held);
  }
  return value as UnetConstants;
}
