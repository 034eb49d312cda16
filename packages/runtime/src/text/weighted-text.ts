// A prompt in the notation of AUTOMATIC1111's web interface: `(word)` counts 1.1 times, `[word]` 1 / 1.1 times,
// `(word:1.3)` 1.3 times; brackets nest, one that is never closed holds to the end, and `\(` is a bracket as text.
// Follows parse_prompt_attention of diffusers 0.42.1, examples/community/lpw_stable_diffusion.py.

/** A part of a prompt and how much it counts. */
export interface WeightedText {
  readonly text: string;
  /** 1 is as it is. */
  readonly weight: number;
}

const ROUND = 1.1;
const SQUARE = 1 / 1.1;
const PIECES = /\\[()[\]\\]|\\|[([]|:([+-]?[.\d]+)\)|[)\]]|[^\\()[\]:]+|:/g;

/** The parts of a prompt, in their order, neighbours of equal weight as one. */
export function weightedText(prompt: string): readonly WeightedText[] {
  const parts: { text: string; weight: number }[] = [];
  const round: number[] = [];
  const square: number[] = [];
  const multiply = (from: number | undefined, factor: number) => {
    for (const part of parts.slice(from)) part.weight *= factor;
  };
  for (const [piece, weight] of prompt.matchAll(PIECES)) {
    if (piece === "(") round.push(parts.length);
    else if (piece === "[") square.push(parts.length);
    else if (weight !== undefined && round.length > 0)
      multiply(round.pop(), Number(weight));
    else if (piece === ")" && round.length > 0) multiply(round.pop(), ROUND);
    else if (piece === "]" && square.length > 0) multiply(square.pop(), SQUARE);
    else parts.push({ text: unescaped(piece), weight: 1 });
  }
  for (const from of round) multiply(from, ROUND);
  for (const from of square) multiply(from, SQUARE);
  const joined: typeof parts = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last?.weight === part.weight) last.text += part.text;
    else joined.push(part);
  }
  return joined;
}

const unescaped = (piece: string): string =>
  piece.startsWith("\\") ? piece.slice(1) : piece;
