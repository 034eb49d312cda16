// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded with one 32-bit word
// as PyTorch's CPU generator is.
//
//   paper   here      meaning
//   n       WORDS     words of state
//   m       MIDDLE    distance of the second word that enters a new one
//   a       MATRIX    last row of the twist matrix

const WORDS = 624;
const MIDDLE = 397;
const MATRIX = 0x9908b0df;

/** Where a Mersenne Twister stands: its 624 words, and how many of them are already used. */
export interface Mt19937State {
  /** The 624 words; never written to by anyone but the twister that owns this object. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Words used since the last twist, 0 to 624 inclusive. */
  readonly used: number;
}

/** A stream of 32-bit random words. */
export interface Mt19937 {
  /** The next word, an integer from 0 to 2^32 − 1 inclusive. */
  next(): number;
  /** A copy of the present state, which {@link mt19937} takes again. */
  state(): Mt19937State;
}

/**
 * Makes a Mersenne Twister.
 *
 * @param from a seed, an integer from 0 to 2^32 − 1 inclusive, or a saved state (copied)
 * @returns a stream of its own, sharing nothing with others
 */
export function mt19937(from: number | Mt19937State): Mt19937 {
  const words = typeof from === "number" ? seeded(from) : from.words.slice();
  let used = typeof from === "number" ? WORDS : from.used;
  return {
    next() {
      if (used === WORDS) {
        twist(words);
        used = 0;
      }
      return tempered(words[used++]!);
    },
    state: () => ({ words: words.slice(), used }),
  };
}

function seeded(seed: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(WORDS);
  words[0] = seed;
  for (let i = 1; i < WORDS; i++) {
    const previous = words[i - 1]!;
    words[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  return words;
}

function twist(words: Uint32Array): void {
  for (let i = 0; i < WORDS; i++) {
    const joined =
      (words[i]! & 0x80000000) | (words[(i + 1) % WORDS]! & 0x7fffffff);
    words[i] =
      words[(i + MIDDLE) % WORDS]! ^ (joined >>> 1) ^ (joined & 1 ? MATRIX : 0);
  }
}

function tempered(word: number): number {
  word ^= word >>> 11;
  word ^= (word << 7) & 0x9d2c5680;
  word ^= (word << 15) & 0xefc60000;
  return (word ^ (word >>> 18)) >>> 0;
}
