// npm run fuzz -- --inputs 1000000: inputs of all kinds on all cores; stopped (Ctrl-C ends the batches under way first)
// and started again, it goes on. The table goes into docs/reliability.md.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { fuzz, type Tally } from "./fuzz.js";
import { tableOf, writeTable } from "./table.js";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    lanes: { type: "string", default: String(availableParallelism()) },
    fresh: { type: "boolean", default: false },
  },
});
const [inputs, seed, lanes] = [values.inputs, values.seed, values.lanes].map(
  Number,
) as [number, number, number];
if (
  ![inputs, seed, lanes].every(
    (value) => Number.isSafeInteger(value) && value > 0,
  )
) {
  throw new RangeError(
    `Cannot fuzz as --inputs, --seed and --lanes must be integers of at least 1: current values are ${values.inputs}, ${values.seed} and ${values.lanes}`,
  );
}

const folder = new URL("../out/fuzz/", import.meta.url);
const state = new URL(`seed-${seed}.json`, folder);
await mkdir(folder, { recursive: true });
const stored = values.fresh
  ? "[]"
  : await readFile(state, "utf8").catch(() => "[]");
const tallies = new Map(
  (JSON.parse(stored) as Tally[]).map((tally) => [tally.kind, tally]),
);

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stop.abort());

const options = { inputs, seed, lanes };
const keep = async (tally: Tally) => {
  tallies.set(tally.kind, tally);
  await writeFile(state, JSON.stringify([...tallies.values()]));
  console.log(
    `${tally.kind}: ${tally.inputs} inputs, ${tally.faults.length} faults`,
  );
};
await fuzz(options, tallies, keep, stop.signal);
const all = [...tallies.values()];
console.log(tableOf(all));
for (const { kind, faults } of all)
  for (const { seed: at, what } of faults)
    console.log(`${kind}, seed ${at}: ${what}`);
await writeTable(options, all);
process.exitCode = all.some(({ faults }) => faults.length > 0) ? 1 : 0;
