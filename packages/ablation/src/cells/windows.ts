// When a cell acts: windows of the sampler's grid.

/** How windows are laid over the bins; see {@link sweepWindows}. */
export type WindowKind = "single" | "prefix" | "suffix";

/** All kinds of windows. */
export const windowKinds: readonly WindowKind[] = Object.freeze([
  "single",
  "prefix",
  "suffix",
]);

/** Steps in a row during which a cell acts. */
export interface Window {
  /** One bin, all bins up to one, or all bins from one on. */
  readonly kind: WindowKind;
  /** The bin that it is named after, from 0, the noisiest. */
  readonly bin: number;
  /** Its first step index, inclusive. */
  readonly firstStep: number;
  /** Its end, exclusive. */
  readonly endStep: number;
  /** The timestep at which it begins, as a plan's phase says it: `to <= t < from`. Exclusive. */
  readonly from: number;
  /** Its lowest timestep, inclusive. */
  readonly to: number;
}

/** A bin: the half-open interval of step indices `[firstStep, endStep)`. */
export type Bin = readonly [firstStep: number, endStep: number];

/**
 * Bins of equal step count; the last step is a bin of its own, as what happens there is not corrected by any later
 * one. Where the other steps do not divide evenly, sizes differ by one.
 *
 * @param steps steps of the sampler's grid, at least 1
 * @param bins bins, the last step's included, in [1, `steps`]; 1 is the whole run
 * @throws {RangeError} If there are more bins than steps, or less than one.
 */
export function equalBins(steps: number, bins: number): Bin[] {
  if (!Number.isInteger(bins) || bins < 1 || bins > steps) {
    throw new RangeError(
      `Cannot lay out the sweep as bins must be an integer in [1, ${steps}], the sampler's steps: current value is ${bins}`,
    );
  }
  if (bins === 1) return [[0, steps]];
  const inner = bins - 1;
  const start = (bin: number) => Math.floor(((steps - 1) * bin) / inner);
  const layout = Array.from({ length: inner }, (_, bin): Bin => [
    start(bin),
    start(bin + 1),
  ]);
  return [...layout, [steps - 1, steps]];
}

/**
 * The windows of a sweep, kind by kind. A prefix or suffix that is a single bin is left out where single bins are
 * asked for too, and a suffix that is the whole run where prefixes are: each window is measured once.
 *
 * @param timesteps the sampler's grid, noisiest first
 * @param bins of {@link equalBins}
 * @param kinds which kinds
 * @param numTrainTimesteps timesteps of the training, or the noisiest there is: the upper end of a window from the first
 * step on
 * @throws {RangeError} If two steps share a timestep and a window's end lies between them: no phase of a plan
 * could say so.
 */
export function sweepWindows(
  timesteps: readonly number[],
  bins: readonly Bin[],
  kinds: readonly WindowKind[],
  numTrainTimesteps: number,
): Window[] {
  const steps = timesteps.length;
  const seen = new Set<string>();
  const windows: Window[] = [];
  const add = (kind: WindowKind, bin: number, [first, end]: Bin) => {
    const key = `${first}-${end}`;
    if (seen.has(key)) return;
    seen.add(key);
    windows.push({
      kind,
      bin,
      firstStep: first,
      endStep: end,
      from: first === 0 ? numTrainTimesteps : boundary(timesteps, first),
      // levels of noise may be logarithms
      to:
        end === steps
          ? Math.min(0, timesteps.at(-1)!)
          : boundary(timesteps, end),
    });
  };
  for (const kind of windowKinds.filter((one) => kinds.includes(one))) {
    bins.forEach(([first, end], bin) => {
      if (kind === "single") add(kind, bin, [first, end]);
      if (kind === "prefix") add(kind, bin, [0, end]);
      if (kind === "suffix") add(kind, bin, [first, steps]);
    });
  }
  return windows;
}

/** A timestep that parts two neighbours of the grid: above the later one, at or below the earlier one. */
function boundary(timesteps: readonly number[], stepIndex: number): number {
  const [before, after] = [timesteps[stepIndex - 1]!, timesteps[stepIndex]!];
  if (before > after) return before;
  throw new RangeError(
    `Cannot lay out the sweep as a window's end must lie between two timesteps: steps ${stepIndex - 1} and ${stepIndex} are both at ${after}`,
  );
}
