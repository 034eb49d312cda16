// The sigmas of flow matching as UniPC and Flow-match Euler choose them.
//
//   diffusers                                     here
//   flow_shift, shift                             shift
//   shift_terminal                                terminal: what the last sigma is stretched to

import type { ConfigReader } from "../config/config-reader.js";
import { shifted } from "./flow-shift.js";
import { linspace } from "./timestep-spacing.js";

/** How close to 1 the first sigma may come, where the signal would be 0. */
const EPSILON = 1e-6;

/**
 * Reads how UniPC spaces flow matching's sigmas.
 *
 * @throws {RangeError} If they are to depend on the size of the picture, which is not implemented, or to end at a sigma while
 * they are not used.
 */
export function unipcFlowSigmas(
  config: ConfigReader,
  numTrainTimesteps: number,
): (count: number) => number[] {
  rejectDynamicShifting(config);
  const terminal = config.value("shift_terminal");
  if (terminal !== undefined && !config.boolean("use_flow_sigmas", false)) {
    const wanted = "null where use_flow_sigmas is false";
    config.reject("shift_terminal", wanted, terminal);
  }
  const shift = config.number("flow_shift", 1);
  const stretch = readTerminalStretch(config);
  return (count) => {
    const even = linspace(1, 1 / numTrainTimesteps, count + 1).slice(0, -1);
    const sigmas = stretch(even.map((sigma) => shifted(sigma, shift)));
    const [first, ...rest] = sigmas;
    return Math.abs(first! - 1) < EPSILON
      ? [first! - EPSILON, ...rest]
      : sigmas;
  };
}

/** Reads `shift_terminal`: a stretch of all sigmas towards noise that gives the last one. */
export function readTerminalStretch(
  config: ConfigReader,
): (sigmas: number[]) => number[] {
  const terminal = config.number("shift_terminal", 0);
  if (terminal === 0) return (sigmas) => sigmas;
  return (sigmas) => {
    const factor = (1 - sigmas.at(-1)!) / (1 - terminal);
    return sigmas.map((sigma) => 1 - (1 - sigma) / factor);
  };
}

/** Refuses shifts that depend on the size of the picture. */
export function rejectDynamicShifting(config: ConfigReader): void {
  if (config.boolean("use_dynamic_shifting", false)) {
    const wanted = "false (it is not implemented)";
    config.reject("use_dynamic_shifting", wanted, true);
  }
}
