// Seeded normal noise, number for number that of torch.randn with a CPU generator.

import { mt19937 } from "./mt19937.js";
import type { Mt19937State } from "./mt19937.js";
import { NORMAL_BLOCK, normalFill16 } from "./normal-fill.js";

/** Where a {@link NoiseGenerator} stands; a plain object that survives `structuredClone`. */
export interface NoiseGeneratorState {
  /** The seed that the generator was made from. */
  readonly seed: number;
  /** The Mersenne Twister beneath. */
  readonly twister: Mt19937State;
  /**
   * The second number of the last pair, drawn but not yet handed out, as a double; `null` if
   * there is none. Only short draws leave one, and only short draws take it.
   */
  readonly cachedNormal: number | null;
}

/** A source of seeded normal noise. Its draws depend on their order and on their counts. */
export interface NoiseGenerator {
  /** The seed that it was made from, a safe integer. */
  readonly seed: number;
  /**
   * Draws standard normal numbers as `torch.randn(count, generator=…)` does on the CPU.
   *
   * @param count how many, an integer from 0; 16 and more are drawn another way than fewer
   * @returns a new array that the caller owns
   * @throws {RangeError} If `count` is not a non-negative integer.
   */
  randn(count: number): Float32Array<ArrayBuffer>;
  /** A copy of where the generator stands, for {@link restoreGenerator}. */
  state(): NoiseGeneratorState;
}

/**
 * Makes a generator equal to `torch.Generator("cpu").manual_seed(seed)`: MT19937 seeded with
 * the low 32 bits of the seed, in two's complement where it is negative.
 *
 * Exact: draws of 16 and more numbers equal those of PyTorch on x86-64 with AVX2 bit for bit,
 * in every JavaScript engine (PyTorch without AVX2 differs from itself by up to 2e-6 there).
 * Shorter draws go through the engine's double-precision logarithm, sine and cosine, whose last
 * bit engines may choose; rounded to float32 that shows about once in 2^28 numbers.
 *
 * @example
 * ```ts
 * import { generator } from "@phaseskip/scheduler";
 *
 * const noise = generator(7).randn(3 * 32 * 32); // [channel, height, width]
 * ```
 * @param seed any safe integer
 * @returns a generator of its own, sharing nothing with others
 * @throws {RangeError} If `seed` is not a safe integer.
 * @see PyTorch 2.13, `aten/src/ATen/core/MT19937RNGEngine.h` and `DistributionsHelper.h`
 */
export function generator(seed: number): NoiseGenerator {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(
      `Cannot create the generator as seed must be a safe integer: current value is ${seed}`,
    );
  }
  const low32 = ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
  return noiseGenerator(seed, mt19937(low32), null);
}

/**
 * Makes a generator that goes on where another stood.
 *
 * @param state from {@link NoiseGenerator.state}; copied
 * @returns a generator of its own, sharing nothing with others
 */
export function restoreGenerator(state: NoiseGeneratorState): NoiseGenerator {
  return noiseGenerator(state.seed, mt19937(state.twister), state.cachedNormal);
}

function noiseGenerator(
  seed: number,
  twister: ReturnType<typeof mt19937>,
  cachedNormal: number | null,
): NoiseGenerator {
  /** Uniform in [0, 1) with 24 bits. */
  const uniform24 = () => (twister.next() & 0xffffff) * 2 ** -24;

  /** Uniform in [0, 1) with 53 bits: the low 21 of one word above the 32 of the next. */
  const uniform53 = () =>
    ((twister.next() & 0x1fffff) * 2 ** 32 + twister.next()) * 2 ** -53;

  /** Box-Muller in double precision, the sine's number kept for the next call. */
  const normal = () => {
    if (cachedNormal !== null) {
      const cached = cachedNormal;
      cachedNormal = null;
      return cached;
    }
    const angle = 2 * Math.PI * uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-uniform53()));
    cachedNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };

  return {
    seed,
    randn(count) {
      if (!Number.isInteger(count) || count < 0) {
        throw new RangeError(
          `Cannot draw noise as count must be a non-negative integer: current value is ${count}`,
        );
      }
      const values = new Float32Array(count);
      if (count < NORMAL_BLOCK) return values.map(normal);
      for (let i = 0; i < count; i++) values[i] = uniform24();
      for (let i = 0; i + NORMAL_BLOCK <= count; i += NORMAL_BLOCK)
        normalFill16(values, i);
      if (count % NORMAL_BLOCK !== 0) {
        // The last sixteen are drawn anew, so those that a whole block had already filled change.
        const tail = count - NORMAL_BLOCK;
        for (let i = tail; i < count; i++) values[i] = uniform24();
        normalFill16(values, tail);
      }
      return values;
    },
    state: () => ({ seed, twister: twister.state(), cachedNormal }),
  };
}
