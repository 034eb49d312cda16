// Channels behind those of samples.

/**
 * Puts each row's own channels behind its sample.
 * @param samples `[row, channel, height, width]`
 * @param beside of as many rows
 */
export function joinChannels(
  samples: Float32Array,
  beside: Float32Array | undefined,
  rows: number,
): Float32Array {
  if (!beside) return samples;
  const [own, other] = [samples.length / rows, beside.length / rows];
  const all = new Float32Array(samples.length + beside.length);
  for (let row = 0; row < rows; row++) {
    const at = row * (own + other);
    all.set(samples.subarray(row * own, (row + 1) * own), at);
    all.set(beside.subarray(row * other, (row + 1) * other), at + own);
  }
  return all;
}
