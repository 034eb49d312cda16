// Seeded uniform numbers for resampling. Not the noise of a diffusion run, which follows
// PyTorch and lives in the scheduler package.

/**
 * A generator of uniform numbers in `[0, 1)`, 32 bits each, the same sequence for the same
 * seed on every machine.
 * @param seed an integer in `[0, 2^32)`
 * @throws {RangeError} If the seed is no such integer.
 * @see Doty-Humphrey's PractRand, generator `sfc32`
 */
export function seededRandom(seed: number): () => number {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(
      `Cannot seed the generator as seed must be an integer in [0, 4294967295]: ` +
        `current value is ${seed}`,
    );
  }
  let a = 0;
  let b = seed | 0;
  let c = 0;
  let counter = 1;
  const next = () => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + word;
    return (word >>> 0) / 2 ** 32;
  };
  // The seed fills one of three words: the first outputs would be alike for close seeds.
  for (let i = 0; i < 16; i++) next();
  return next;
}
