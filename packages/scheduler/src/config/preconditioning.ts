// Where EDM's preconditioning is done: by the sampler around a network, or inside of the graph.

import type { RunOptions } from "./config.js";
import type { ConfigReader } from "./config-reader.js";
import type { SchedulerName } from "../sampler-names.js";

/** The samplers that know a preconditioning. */
const preconditioned: readonly SchedulerName[] = [
  "consistency",
  "edm-euler",
  "edm-dpmpp-2m",
];

/**
 * Whether the graph holds the preconditioning: it takes the sample as it is and sigma itself, and gives the clean sample.
 *
 * @throws {RangeError} If `preconditioning` is neither `inside` nor `outside`.
 */
export function isPreconditionedInside(
  config: ConfigReader,
  { preconditioning = "outside" }: RunOptions,
): boolean {
  const given: unknown = preconditioning;
  if (given === "inside" || given === "outside") return given === "inside";
  return config.reject("preconditioning", '"inside" or "outside"', given);
}

/** @throws {RangeError} If the graph holds EDM's preconditioning, and the sampler is none of EDM's. */
export function checkPreconditioning(
  name: SchedulerName,
  { preconditioning }: RunOptions,
): void {
  if (preconditioning !== "inside" || preconditioned.includes(name)) return;
  throw new RangeError(
    `Cannot create the scheduler ${name} as the network's preconditioning is inside of its graph, which takes sigma and gives the clean sample: choose ${preconditioned.join(", ")}`,
  );
}
