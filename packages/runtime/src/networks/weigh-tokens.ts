// What some tokens of a text count more or less than others.

/**
 * Multiplies each token's vector by its weight, and everything by one factor that keeps the mean of all values.
 * Follows get_weighted_text_embeddings of diffusers 0.42.1, examples/community/lpw_stable_diffusion.py.
 *
 * @param hidden `[token, width]`
 * @param weights one for each token
 */
export function weighTokens(
  hidden: Float32Array,
  weights: Float32Array,
): Float32Array<ArrayBuffer> {
  const width = hidden.length / weights.length;
  const weighed = hidden.map(
    (value, i) => value * weights[Math.floor(i / width)]!,
  );
  const factor = mean(hidden) / mean(weighed);
  return Float32Array.from(weighed, (value) => value * factor);
}

const mean = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
