// Piecewise-constant segmentation of many rows at once, by dynamic programming.
//
//   Bellman, "On the approximation of curves by line segments using dynamic programming", 1961
//   row                           one curve over time, values[t]
//   cost(a, b)                    squared error of [a, b) about each row's mean there, over all rows
//   K segments                    boundaries b_1 < … < b_{K−1}, shared by all rows

/** Curves over time, all of the same length. */
export type Rows = readonly ArrayLike<number>[];

/** A segmentation: where segments begin, without the first, which begins at 0. */
export type Boundaries = readonly number[];

/**
 * The best segmentations of rows into 1, 2, … segments.
 *
 * @param rows of the same length
 * @param most segments at most; no more than the length
 * @returns by number of segments less one: the boundaries with the least squared error
 */
export function segmentations(rows: Rows, most: number): Boundaries[] {
  const length = rows[0]?.length ?? 0;
  const count = Math.min(most, length);
  const cost = segmentCosts(rows, length);
  let best = Float64Array.from({ length: length + 1 }, (_, end) =>
    end === 0 ? 0 : cost[end]!,
  );
  const starts: Int32Array[] = [];
  const found: Boundaries[] = count > 0 ? [[]] : [];
  for (let segments = 2; segments <= count; segments++) {
    const next = new Float64Array(length + 1).fill(Infinity);
    const from = new Int32Array(length + 1);
    for (let end = segments; end <= length; end++) {
      for (let start = segments - 1; start < end; start++) {
        const total = best[start]! + cost[start * (length + 1) + end]!;
        if (total >= next[end]!) continue;
        next[end] = total;
        from[end] = start;
      }
    }
    starts.push(from);
    best = next;
    const boundaries: number[] = [];
    let end = length;
    for (const earlier of starts.toReversed()) {
      end = earlier[end]!;
      boundaries.push(end);
    }
    found.push(boundaries.reverse());
  }
  return found;
}

/** `[start, end]`, row-major with `length + 1` columns: squared error of a segment. */
function segmentCosts(rows: Rows, length: number): Float64Array {
  const cost = new Float64Array((length + 1) ** 2);
  for (const row of rows) {
    for (let start = 0; start < length; start++) {
      let sum = 0;
      let squares = 0;
      for (let end = start + 1; end <= length; end++) {
        const value = row[end - 1]!;
        sum += value;
        squares += value * value;
        const error = squares - (sum * sum) / (end - start);
        cost[start * (length + 1) + end]! += Math.max(0, error);
      }
    }
  }
  return cost;
}

/** Each row as its means over the segments. */
export function stepsOf(rows: Rows, boundaries: Boundaries): Float64Array[] {
  return rows.map((row) => {
    const values = Float64Array.from(row);
    const edges = [0, ...boundaries, values.length];
    for (let i = 1; i < edges.length; i++) {
      const [start, end] = [edges[i - 1]!, edges[i]!];
      const segment = values.subarray(start, end);
      segment.fill(segment.reduce((sum, x) => sum + x, 0) / (end - start));
    }
    return values;
  });
}

/** Each row as its least-squares polynomial of degree 1 or 2 in time. */
export function trendsOf(rows: Rows, degree: 1 | 2): Float64Array[] {
  const length = rows[0]?.length ?? 0;
  const basis = orthogonalPolynomials(length, degree);
  return rows.map((row) => {
    const values = new Float64Array(length);
    for (const vector of basis) {
      let product = 0;
      for (let t = 0; t < length; t++) product += vector[t]! * row[t]!;
      for (let t = 0; t < length; t++) values[t]! += product * vector[t]!;
    }
    return values;
  });
}

/** Orthonormal polynomials of degrees 0 to `degree` on equidistant points. */
function orthogonalPolynomials(length: number, degree: number): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let power = 0; power <= degree; power++) {
    const vector = Float64Array.from(
      { length },
      (_, t) => (t - (length - 1) / 2) ** power,
    );
    for (const other of basis) {
      const product = vector.reduce((sum, x, t) => sum + x * other[t]!, 0);
      vector.forEach((x, t) => (vector[t] = x - product * other[t]!));
    }
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (norm > 1e-9) basis.push(vector.map((x) => x / norm));
  }
  return basis;
}
