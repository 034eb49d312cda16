// Which steps to compute, for every number of them at once: a shortest path over stretches of skipped steps.
//
// A forecast is a sum of the last values computed, so what is lost in a stretch depends on where it lies and on the
// computed steps before it, and on nothing else. With these as the state, dynamic programming finds the layout of least
// loss for each number of computed steps (LeMiCa, MeanCache and CEM take the last two alone).

/** What is lost where the steps between `from[0]` and `next` are made of the values of `from`, newest first. */
export type StretchLoss = (from: readonly number[], next: number) => number;

/** A question to {@link layOutSteps}. */
export interface StepsQuestion {
  /** Steps of the run. */
  readonly steps: number;
  /** Values that a forecast adds up: an integer from 1. */
  readonly values: number;
  /** Steps that may be skipped in a row at most: an integer from 1. */
  readonly mostSkipped: number;
  /** What a stretch loses, from 0; losses add up. `next` is `steps` where the stretch ends the run. */
  readonly loss: StretchLoss;
}

/** Steps that are computed, and what the skipped ones lose. */
export interface StepsLayout {
  /** Indices of the computed steps, in order; the first ones, as many as a forecast adds up, are among them. */
  readonly computed: readonly number[];
  /** The sum over all stretches. */
  readonly loss: number;
}

/** The best way to a state, and the state before. */
interface Way {
  readonly loss: number;
  readonly state: readonly number[];
  readonly before: Way | undefined;
}

/**
 * The layout of least loss for each number of computed steps, fewest first; numbers that cannot be reached are left out.
 */
export function layOutSteps(question: StepsQuestion): StepsLayout[] {
  const { steps, values, mostSkipped, loss } = question;
  const count = Math.min(values, steps);
  const state = Array.from({ length: count }, (_, i) => count - 1 - i);
  let ways = new Map([
    [state.join(), { loss: 0, state, before: undefined }],
  ]) as Map<string, Way>;
  const losses = new Map<string, number>();
  const lossOf = (from: readonly number[], next: number) => {
    if (next === from[0]! + 1) return 0;
    const key = `${from.join()} ${next}`;
    const known = losses.get(key) ?? loss(from, next);
    losses.set(key, known);
    return known;
  };
  const layouts: StepsLayout[] = [];
  for (let computed = count; ways.size > 0; computed++) {
    let best: Way | undefined;
    const onward = new Map<string, Way>();
    for (const way of ways.values()) {
      const last = way.state[0]!;
      const end = Math.min(steps, last + mostSkipped + 1);
      for (let next = last + 1; next <= end; next++) {
        const total = way.loss + lossOf(way.state, next);
        if (next === steps) {
          if (!best || total < best.loss) best = { ...way, loss: total };
          continue;
        }
        const state = [next, ...way.state].slice(0, values);
        const key = state.join();
        if (total < (onward.get(key)?.loss ?? Infinity))
          onward.set(key, { loss: total, state, before: way });
      }
    }
    if (best) layouts.push({ computed: stepsOf(best), loss: best.loss });
    ways = onward;
  }
  return layouts;
}

/** The computed steps of a way, in order. */
function stepsOf(way: Way): number[] {
  const steps = new Set<number>();
  for (let at: Way | undefined = way; at; at = at.before)
    for (const step of at.state) steps.add(step);
  return [...steps].sort((a, b) => a - b);
}
