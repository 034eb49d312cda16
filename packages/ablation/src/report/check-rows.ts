// Whether rows are of the manifest that lies beside them: the pairs and steps that they name are there.

import type { Window } from "../cells/windows.js";
import type { SweepResults } from "./sweep-results.js";

/**
 * Checks that a sweep's rows are of its manifest.
 * @throws {RangeError} If one names a pair or a step that the manifest lacks, or there is no cell or no pair
 */
export function checkRows(results: SweepResults): void {
  const { manifest, cells, responses, floors, emergence, converged } = results;
  const { pairs, timesteps, logSnr } = manifest;
  const check = (isRight: boolean, wanted: string) => {
    if (isRight) return;
    throw new RangeError(`Cannot report on the sweep as ${wanted}`);
  };
  check(
    logSnr.length === timesteps.length,
    `its manifest must have one logSnr for each of ${timesteps.length} timesteps: it has ${logSnr.length}`,
  );
  const windowOf = (name: string, { firstStep, endStep }: Window) =>
    check(
      firstStep < endStep && endStep <= timesteps.length,
      `${name} must lie within its ${timesteps.length} steps: it is of steps ${firstStep} to ${endStep}`,
    );
  const pairOf = (name: string, pair: number) =>
    check(
      pair < pairs.length,
      `${name} must be of one of its ${pairs.length} pairs: it is of pair ${pair}`,
    );
  for (const { cell, window, effects, action, refresh } of cells) {
    windowOf(cell, window);
    check(effects.length > 0, `${cell} must have effects: it has none`);
    check(
      action !== "reuse" || refresh !== null,
      `${cell} must say how often what is reused is computed`,
    );
    for (const { pair } of effects) pairOf(cell, pair);
  }
  for (const { response, window, effects } of responses) {
    windowOf(response, window);
    for (const { pair } of effects) pairOf(response, pair);
  }
  for (const { floor, effects } of floors)
    for (const { pair } of effects) pairOf(floor, pair);
  for (const row of emergence) {
    pairOf(row.emergence, row.pair);
    check(
      row.lowPassSsim.length === timesteps.length,
      `${row.emergence} must have a value for each of ${timesteps.length} steps: it has ${row.lowPassSsim.length}`,
    );
  }
  for (const row of converged) pairOf(row.converged, row.pair);
}
