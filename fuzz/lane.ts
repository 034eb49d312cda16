// A child process that runs inputs of one kind, one after the other: where it hangs or ends, the parent reads in its
// progress file which input did it.

import { writeSync, openSync } from "node:fs";
import { kinds } from "./kinds/kinds.js";
import { outcomeOf } from "./outcome.js";
import { randomOf } from "./random.js";

/** What a lane is told. */
export interface LaneTask {
  /** The kind's name. */
  readonly kind: string;
  /** The first input's seed; the others follow. */
  readonly from: number;
  /** One after the last seed. */
  readonly to: number;
  /** File whose first 8 bytes are the seed of the input that runs. */
  readonly progress: string;
}

/** What came of a lane's inputs. */
export interface LaneResult {
  /** Inputs by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Inputs that took too long or ended in a fault. */
  readonly faults: readonly { readonly seed: number; readonly what: string }[];
  /** The longest input, in ms. */
  readonly slowest: number;
  /** The process's largest resident size, in bytes. */
  readonly largest: number;
}

/** What one input may take, in ms. */
export const longest = 2000;

async function runLane({
  kind,
  from,
  to,
  progress,
}: LaneTask): Promise<LaneResult> {
  const next = await kinds.find(({ name }) => name === kind)!.open();
  const file = openSync(progress, "r+");
  const outcomes: Record<string, number> = {};
  const faults: { seed: number; what: string }[] = [];
  let slowest = 0;
  const seedBytes = new Float64Array(1);
  for (let seed = from; seed < to; seed++) {
    seedBytes[0] = seed;
    writeSync(file, seedBytes, 0, 8, 0);
    const run = next(randomOf(seed));
    const start = process.cpuUsage();
    const { kind: outcome, fault } = await outcomeOf(run);
    // a machine that does other things at the same time makes no input slow
    const { user, system } = process.cpuUsage(start);
    const milliseconds = (user + system) / 1000;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (fault !== undefined) faults.push({ seed, what: fault });
    if (milliseconds > longest)
      faults.push({ seed, what: `took ${Math.round(milliseconds)} ms` });
    slowest = Math.max(slowest, milliseconds);
  }
  const largest = process.resourceUsage().maxRSS * 1024;
  return { outcomes, faults, slowest, largest };
}

// a terminal tells the whole group; the parent lets batches end
process.on("SIGINT", () => undefined);
process.once("message", (task: LaneTask) => {
  runLane(task).then(
    (result) => process.send!(result, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
