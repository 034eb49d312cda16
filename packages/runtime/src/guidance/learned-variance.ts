// Unets that give a variance beside the noise, as DeepFloyd IF's and Kandinsky's do: twice the sample's channels.

/** What a Unet gives of its rows, the halves apart. */
export interface VarianceHalves {
  /** `[row, channel, height, width]`, as the sample. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** The same shape. */
  readonly variance: Float32Array<ArrayBuffer>;
}

/** The two halves of each row's channels. */
export function varianceHalves(
  output: Float32Array,
  rows: number,
): VarianceHalves {
  const length = output.length / rows / 2;
  const half = (which: number) => {
    const part = new Float32Array(rows * length);
    for (let row = 0; row < rows; row++) {
      const from = (2 * row + which) * length;
      part.set(output.subarray(from, from + length), row * length);
    }
    return part;
  };
  return { mean: half(0), variance: half(1) };
}

/** The halves of each row's channels as one again. */
export function withVariance(
  { mean, variance }: VarianceHalves,
  rows: number,
): Float32Array<ArrayBuffer> {
  const length = mean.length / rows;
  const output = new Float32Array(2 * mean.length);
  for (let row = 0; row < rows; row++)
    for (const [which, part] of [mean, variance].entries()) {
      const own = part.subarray(row * length, (row + 1) * length);
      output.set(own, (2 * row + which) * length);
    }
  return output;
}
