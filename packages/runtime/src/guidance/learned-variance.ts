// Unets that give a variance beside the noise, as DeepFloyd IF's and Kandinsky's do: twice the sample's channels.
// A file of its own in an app.

/** What a Unet gives of its rows, the halves apart. */
interface VarianceHalves {
  /** `[row, channel, height, width]`, as the sample. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** The same shape. */
  readonly variance: Float32Array<ArrayBuffer>;
}

/**
 * The contexts' outputs as the scheduler takes them. Guidance mixes what is predicted and takes the variance of `cond` as
 * it is, and a scheduler that learned no variance is handed none (diffusers 0.42.1, pipelines/deepfloyd_if/pipeline_if.py).
 * @param outputs of the contexts, `cond` first
 * @param rows samples that each holds
 * @param guide mixes what is predicted
 */
export function guidedMean(
  outputs: readonly Float32Array[],
  rows: number,
  hasLearnedVariance: boolean,
  guide: (
    means: readonly Float32Array<ArrayBuffer>[],
  ) => Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const halves = outputs.map((output) => varianceHalves(output, rows));
  const mean = guide(halves.map(({ mean }) => mean));
  const { variance } = halves[0]!;
  return hasLearnedVariance ? withVariance({ mean, variance }, rows) : mean;
}

/** The two halves of each row's channels. */
function varianceHalves(output: Float32Array, rows: number): VarianceHalves {
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
function withVariance(
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
