// What the tests of pipelines share: a short request, and how far two samples are apart.

/** Five steps of a tiny model. */
export const fewSteps = {
  prompt: "a red boat on the sea",
  seed: 3,
  numInferenceSteps: 5,
  guidanceScale: 3,
};

/** max |a − b| in units of b's standard deviation. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  const mean = b.reduce((sum, value) => sum + value, 0) / b.length;
  const variance =
    b.reduce((sum, value) => sum + (value - mean) ** 2, 0) / b.length;
  return (
    a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0) /
    Math.sqrt(variance)
  );
}
