// Small systems of linear equations in float32, as LAPACK's sgesv solves them.

const f = Math.fround;

/**
 * Solves a system by Gaussian elimination with partial pivoting.
 *
 * @param matrix its rows, float32 values
 * @param rightHand its right-hand side
 * @returns the solution
 */
export function solveLinear(
  matrix: readonly (readonly number[])[],
  rightHand: readonly number[],
): number[] {
  const rows = matrix.map((row, i) => [...row, rightHand[i]!]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const rest = rows.slice(column);
    const most = Math.max(...rest.map((row) => Math.abs(row[column]!)));
    const pivot = rows.findIndex(
      (row, i) => i >= column && Math.abs(row[column]!) === most,
    );
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let i = column + 1; i < size; i++) {
      const factor = f(rows[i]![column]! * f(1 / rows[column]![column]!));
      rows[i] = rows[i]!.map((value, j) =>
        f(value - factor * rows[column]![j]!),
      );
    }
  }
  const solution: number[] = [];
  for (let i = size - 1; i >= 0; i--) {
    const row = rows[i]!;
    const known = row
      .slice(i + 1, size)
      .reduce((sum, value, j) => f(sum - value * solution[j]!), row[size]!);
    solution.unshift(f(known / row[i]!));
  }
  return solution;
}
