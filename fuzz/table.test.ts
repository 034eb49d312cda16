// What stands above the table: the command that made it, and how far that got.
import { expect, test } from "vitest";
import type { Tally } from "./fuzz.js";
import { commandOf } from "./table.js";

const tally = (inputs: number): Tally => ({
  ...{ kind: "plans", inputs, outcomes: {}, faults: [] },
  ...{ slowest: 0, largest: 0 },
});

test.each([
  [1, 100, "`npm run fuzz -- --inputs 100 --lanes 2`"],
  [7, 100, "`npm run fuzz -- --inputs 100 --seed 7 --lanes 2`"],
  [1, 60, "`npm run fuzz -- --inputs 100 --lanes 2`, stopped after 60"],
])("of seed %i and %i inputs of 100", (seed, done, command) => {
  const options = { inputs: 100, seed, lanes: 2 };
  expect(commandOf(options, [tally(done - 10), tally(10)])).toBe(command);
});
