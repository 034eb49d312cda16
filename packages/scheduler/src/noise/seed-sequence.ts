// NumPy's SeedSequence (M. O'Neill's seed_seq without its faults): many independent seeds from
// one seed and a path in a tree.
//
// NumPy 2.4, numpy/random/bit_generator.pyx.

const MULTIPLY_IN = 0x931e8875;
const MULTIPLY_OUT = 0x58f38ded;
const MIX_LEFT = 0xca01f9dd;
const MIX_RIGHT = 0x4973f715;

/**
 * `numpy.random.SeedSequence(entropy, spawn_key=path, pool_size=poolSize).generate_state(count)`.
 *
 * @param entropy a non-negative safe integer
 * @param path non-negative safe integers; empty at the root
 * @param poolSize words of the pool
 * @param count words wanted
 * @returns integers from 0 to 2^32 − 1 inclusive
 */
export function seedSequence(
  entropy: number,
  path: readonly number[],
  poolSize: number,
  count: number,
): readonly number[] {
  const own = words(entropy);
  const padding = path.length > 0 ? Math.max(poolSize - own.length, 0) : 0;
  const input = [
    ...own,
    ...new Array<number>(padding).fill(0),
    ...path.flatMap(words),
  ];
  const pool = mixed(input, poolSize);
  let constant = 0x8b51f9dd;
  return Array.from({ length: count }, (_, i) => {
    const value = pool[i % poolSize]! ^ constant;
    constant = Math.imul(constant, MULTIPLY_OUT);
    return folded(Math.imul(value, constant)) >>> 0;
  });
}

function mixed(input: readonly number[], poolSize: number): Int32Array {
  let constant = 0x43b0d7e5;
  const hashed = (word: number) => {
    const value = word ^ constant;
    constant = Math.imul(constant, MULTIPLY_IN);
    return folded(Math.imul(value, constant));
  };
  const join = (left: number, right: number) =>
    folded(Math.imul(MIX_LEFT, left) - Math.imul(MIX_RIGHT, right));

  const pool = Int32Array.from({ length: poolSize }, (_, i) =>
    hashed(input[i] ?? 0),
  );
  for (let from = 0; from < poolSize; from++) {
    for (let to = 0; to < poolSize; to++)
      if (from !== to) pool[to] = join(pool[to]!, hashed(pool[from]!));
  }
  for (const word of input.slice(poolSize)) {
    for (let to = 0; to < poolSize; to++)
      pool[to] = join(pool[to]!, hashed(word));
  }
  return pool;
}

function folded(value: number): number {
  return value ^ (value >>> 16);
}

/** The 32-bit words of an integer, the low one first; one at least. */
function words(value: number): number[] {
  const high = Math.floor(value / 2 ** 32);
  return high === 0 ? [value] : [value % 2 ** 32, ...words(high)];
}
