// A first share of what `npm run fuzz` does, always the same inputs.
import { expect, test } from "vitest";
import { fuzz, type Tally } from "./fuzz.js";

test("2,000 inputs of all kinds end in a result or a documented error", async () => {
  const tallies: Tally[] = [];
  await fuzz({ inputs: 2000, seed: 1, lanes: 2 }, new Map(), (tally) => {
    tallies.push(tally);
    return Promise.resolve();
  });
  const kinds = new Map(tallies.map((tally) => [tally.kind, tally]));
  expect(kinds.size).toBe(12);
  const all = [...kinds.values()];
  expect(all.flatMap(({ faults }) => faults)).toEqual([]);
  const inputs = all.reduce((sum, tally) => sum + tally.inputs, 0);
  expect(inputs).toBeGreaterThanOrEqual(2000);
});
