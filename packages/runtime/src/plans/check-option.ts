// What plan functions ask of their options.

/**
 * An option that must be an integer.
 * @param plan what is being made, such as "DeepCache"
 * @throws {RangeError} If it is none, or not in `[low, high]`
 */
export function checkInteger(
  plan: string,
  name: string,
  value: number,
  low: number,
  high = Infinity,
): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  const range =
    high === Infinity ? `of at least ${low}` : `in [${low}, ${high}]`;
  throw optionError(plan, name, `must be an integer ${range}`, value);
}

/**
 * An option that must be a number.
 * @throws {RangeError} If it is none, or not in `[low, high]`
 */
export function checkNumber(
  plan: string,
  name: string,
  value: number,
  low: number,
  high = Infinity,
): void {
  if (Number.isFinite(value) && value >= low && value <= high) return;
  const range =
    high === Infinity ? `of at least ${low}` : `in [${low}, ${high}]`;
  throw optionError(plan, name, `must be a number ${range}`, value);
}

/** The error for an option that cannot be. */
export function optionError(
  plan: string,
  name: string,
  wanted: string,
  value: unknown,
): RangeError {
  return new RangeError(
    `Cannot make the ${plan} plan as ${name} ${wanted}: current value is ${JSON.stringify(value) ?? String(value)}`,
  );
}
