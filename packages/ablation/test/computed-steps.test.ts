import { expect, test } from "vitest";
import { seededRandom } from "@phaseskip/metrics";
import {
  layOutSteps,
  type StretchLoss,
} from "../src/forecast/computed-steps.js";

/** Every layout there is, by trying all of them. */
function byTrying(
  steps: number,
  values: number,
  mostSkipped: number,
  loss: StretchLoss,
) {
  const best = new Map<number, number>();
  for (let mask = 0; mask < 2 ** steps; mask++) {
    const computed = [...Array(steps).keys()].filter((i) => mask & (1 << i));
    if ([...Array(values).keys()].some((i) => !computed.includes(i))) continue;
    let total = 0;
    computed.push(steps);
    for (let i = values; i < computed.length; i++) {
      const next = computed[i]!;
      const from = computed.slice(i - values, i).reverse();
      if (next - from[0]! - 1 > mostSkipped) total = Infinity;
      else if (next > from[0]! + 1) total += loss(from, next);
    }
    const known = best.get(computed.length - 1) ?? Infinity;
    best.set(computed.length - 1, Math.min(known, total));
  }
  return [...best]
    .filter(([, loss]) => loss < Infinity)
    .sort(([a], [b]) => a - b);
}

test.each([
  [9, 1, 3],
  [10, 2, 4],
  [10, 3, 2],
  [8, 3, 8],
])(
  "of %i steps, %i values, %i skipped at most: as good as trying all",
  (steps, values, mostSkipped) => {
    for (let seed = 0; seed < 5; seed++) {
      const random = seededRandom(seed);
      const drawn = new Map<string, number>();
      const loss: StretchLoss = (from, next) => {
        const key = `${from.join()} ${next}`;
        drawn.set(key, drawn.get(key) ?? random());
        return drawn.get(key)!;
      };
      const layouts = layOutSteps({ steps, values, mostSkipped, loss });
      const tried = byTrying(steps, values, mostSkipped, loss);
      expect(layouts.map(({ computed }) => computed.length)).toEqual(
        tried.map(([count]) => count),
      );
      layouts.forEach((layout, i) => {
        expect(layout.loss).toBeCloseTo(tried[i]![1], 12);
      });
    }
  },
);

test("computes where skipping costs, and skips where it does not", () => {
  const dear = new Set([3, 4, 9]);
  const layouts = layOutSteps({
    steps: 10,
    values: 2,
    mostSkipped: 6,
    loss: ([newest], next) => {
      const skipped = [...Array(next).keys()].slice(newest! + 1);
      return skipped.filter((step) => dear.has(step)).length;
    },
  });
  const free = layouts.find(({ loss }) => loss === 0)!;
  expect(free.computed).toEqual([0, 1, 3, 4, 9]);
});
