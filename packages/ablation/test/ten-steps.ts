// The smallest grid on which phases, windows and refreshes can differ.

/** Ten steps of a sampler that was trained on a thousand. */
export const tenSteps = {
  timesteps: Array.from({ length: 10 }, (_, i) => 900 - 100 * i),
  numTrainTimesteps: 1000,
};
