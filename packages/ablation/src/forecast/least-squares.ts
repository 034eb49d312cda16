// Normal equations with a ridge, by Cholesky's factors.

/**
 * Solves `(matrix + ridge·I)·x = right`.
 * @param matrix symmetric, no eigenvalue below 0
 * @returns zeros along directions in which the matrix, with its ridge, is 0 to rounding
 */
export function leastSquares(
  matrix: readonly (readonly number[])[],
  right: readonly number[],
  ridge: number,
): number[] {
  const size = right.length;
  const factor = matrix.map((row) => row.map(() => 0));
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i]![j]! + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) rest -= factor[i]![k]! * factor[j]![k]!;
      const pivot = factor[j]![j]!;
      if (i !== j) factor[i]![j] = pivot === 0 ? 0 : rest / pivot;
      else factor[i]![i] = rest > 1e-15 * matrix[i]![i]! ? Math.sqrt(rest) : 0;
    }
  }
  const x = [...right];
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= factor[i]![k]! * x[k]!;
    x[i] = divided(x[i]!, factor[i]![i]!);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i]! -= factor[k]![i]! * x[k]!;
    x[i] = divided(x[i]!, factor[i]![i]!);
  }
  return x;
}

function divided(value: number, by: number): number {
  return by === 0 ? 0 : value / by;
}
