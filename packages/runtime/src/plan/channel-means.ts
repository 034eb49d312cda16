// What units hand on, on average: measured over calibration runs, put in place by the action `mean`.

/** Means per channel of units' outputs, by timestep. */
export interface ChannelMeans {
  /** The timesteps at which they were measured, in any order. */
  readonly timesteps: readonly number[];
  /** By a unit's path: for each of its outputs, in their order, `[timestep, channel]`. */
  readonly units: Readonly<Record<string, readonly Float32Array[]>>;
}

/** Channels that fractions of their number stand for: from, inclusive, to, exclusive, rounded down. */
export function channelRange(
  [from, to]: readonly [number, number],
  count: number,
): [from: number, to: number] {
  // a fraction of the channels may miss a whole number by rounding
  const index = (end: number) => Math.floor(end * count + 1e-9);
  return [index(from), index(to)];
}

/** Which axis holds the channels: the last of `[batch, token, channel]`, else the one behind the batch. */
export function channelAxis(rank: number): number {
  return rank === 3 ? 2 : 1;
}

/** The index of the timestep that is nearest; the larger of two as near. */
export function nearestTimestep(
  { timesteps }: ChannelMeans,
  timestep: number,
): number {
  return timesteps.reduce((best, t, i) => {
    const nearer =
      Math.abs(t - timestep) - Math.abs(timesteps[best]! - timestep);
    return nearer < 0 || (nearer === 0 && t > timesteps[best]!) ? i : best;
  }, 0);
}
