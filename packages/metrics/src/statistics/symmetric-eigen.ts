// Eigenvalues and eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub
// and Van Loan, "Matrix Computations", 4th edition, section 8.5).

/** Eigenvalues with their vectors, in no particular order. */
export interface SymmetricEigen {
  /** The eigenvalues. */
  readonly values: Float64Array;
  /** Orthonormal eigenvectors, `[size, size]` row-major: column i belongs to value i. */
  readonly vectors: Float64Array;
}

const MAX_SWEEPS = 60;

/**
 * Decomposes a symmetric matrix; only its upper triangle and diagonal are trusted.
 * @param matrix `[size, size]` row-major; left as it is
 */
export function symmetricEigen(
  matrix: Float64Array,
  size: number,
): SymmetricEigen {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS && !isDiagonal(a, size); sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, vectors, size, p, q);
    }
  }
  const values = Float64Array.from(
    { length: size },
    (_, i) => a[i * size + i]!,
  );
  return { values, vectors };
}

/**
 * The symmetric square root of a positive semidefinite matrix; eigenvalues that rounding made
 * negative count as 0.
 * @param matrix `[size, size]` row-major; left as it is
 * @returns `[size, size]` row-major
 */
export function symmetricSquareRoot(
  matrix: Float64Array,
  size: number,
): Float64Array {
  const { values, vectors } = symmetricEigen(matrix, size);
  const roots = values.map((value) => Math.sqrt(Math.max(value, 0)));
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) {
        sum += vectors[i * size + k]! * roots[k]! * vectors[j * size + k]!;
      }
      result[i * size + j] = sum;
    }
  }
  return result;
}

/** Turns rows and columns p and q so that the element between them becomes 0. */
function rotate(
  a: Float64Array,
  vectors: Float64Array,
  size: number,
  p: number,
  q: number,
): void {
  const apq = a[p * size + q]!;
  if (apq === 0) return;
  const tau = (a[q * size + q]! - a[p * size + p]!) / (2 * apq);
  const tangent = Math.sign(tau || 1) / (Math.abs(tau) + Math.hypot(1, tau));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  for (let k = 0; k < size; k++)
    mix(a, k * size + p, k * size + q, cosine, sine);
  for (let k = 0; k < size; k++)
    mix(a, p * size + k, q * size + k, cosine, sine);
  for (let k = 0; k < size; k++)
    mix(vectors, k * size + p, k * size + q, cosine, sine);
  // What rounding leaves between them would keep the sweeps from ending.
  a[p * size + q] = 0;
  a[q * size + p] = 0;
}

function mix(
  data: Float64Array,
  i: number,
  j: number,
  cosine: number,
  sine: number,
): void {
  const x = data[i]!;
  const y = data[j]!;
  data[i] = cosine * x - sine * y;
  data[j] = sine * x + cosine * y;
}

function isDiagonal(a: Float64Array, size: number): boolean {
  let off = 0;
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    const square = a[i]! ** 2;
    total += square;
    const isOnDiagonal = i % (size + 1) === 0;
    if (!isOnDiagonal) off += square;
  }
  return off <= total * Number.EPSILON ** 2;
}
