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
  const isRight = Number.isInteger(value) && value >= low && value <= high;
  if (!isRight)
    throw optionError(plan, name, wanted("an integer", low, high), value);
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
  const isRight = Number.isFinite(value) && value >= low && value <= high;
  if (!isRight)
    throw optionError(plan, name, wanted("a number", low, high), value);
}

function wanted(kind: string, low: number, high: number): string {
  const range =
    high === Infinity ? `of at least ${low}` : `in [${low}, ${high}]`;
  return `must be ${kind} ${range}`;
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
