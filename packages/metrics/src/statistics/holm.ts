// Holm's correction for many comparisons ("A Simple Sequentially Rejective Multiple Test
// Procedure", 1979).

/**
 * Adjusted p-values: comparing each with a level alpha keeps the chance of any false finding
 * among all of them at alpha.
 * @param pValues in `[0, 1]`, in any order
 * @returns adjusted values in `[0, 1]`, in the order given, none below its own
 * @throws {RangeError} If one is outside `[0, 1]`.
 */
export function holm(pValues: readonly number[]): number[] {
  const broken = pValues.find((p) => !(p >= 0 && p <= 1));
  if (broken !== undefined) {
    throw new RangeError(
      `Cannot correct p-values as each must be in [0, 1]: current value is ${broken}`,
    );
  }
  const order = pValues
    .map((p, index) => ({ p, index }))
    .sort((x, y) => x.p - y.p);
  const adjusted = new Array<number>(pValues.length).fill(0);
  let largest = 0;
  order.forEach(({ p, index }, rank) => {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * p));
    adjusted[index] = largest;
  });
  return adjusted;
}
