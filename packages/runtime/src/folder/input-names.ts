// How a Unet that does not use diffusers' names calls what it takes and gives: read once, from a call's options or from
// the file beside the Unet.

import type { UnetConstants } from "../inputs/constants.js";
import { parseConstants } from "../inputs/constants.js";

/** The file beside the Unet that says it. */
export const INPUTS_FILE = "phaseskip-inputs.json";

/** What a Unet calls what it takes and gives. */
export interface UnetInputs {
  /** Its input of the noisy sample, `[batch, channel, height, width]`. @default "sample" */
  readonly sample?: string;
  /** Its input of the timestep, or of the noise level, one number or one a sample. @default "timestep" */
  readonly timestep?: string;
  /** Its input of a text's embedding, `[batch, token, width]`. @default "encoder_hidden_states" */
  readonly encoderHiddenStates?: string;
  /** Its input of class labels, which `classLabel` fills. @default "class_labels" */
  readonly classLabels?: string;
  /** Which of its outputs is sampled, in the sample's shape. @default the first */
  readonly output?: string;
  /**
   * Values of its other inputs, by their names, the same at every step: one number for all of an input, or all numbers of
   * one sample. A call's `constants` go before these. @default none
   */
  readonly constants?: UnetConstants;
  /**
   * Where EDM's preconditioning is done. `inside`: the graph takes the sample unscaled and sigma as its timestep, and gives
   * the clean sample; `outside`: the sampler does it. @default "outside"
   */
  readonly preconditioning?: "inside" | "outside";
}

/** By option: diffusers' name of the input. */
export const diffusersNames = {
  sample: "sample",
  timestep: "timestep",
  encoderHiddenStates: "encoder_hidden_states",
  classLabels: "class_labels",
} as const;

const fields = [
  ...Object.keys(diffusersNames),
  "output",
  "constants",
  "preconditioning",
];

/**
 * Checks the form of what is said of a Unet's inputs.
 * @param fail makes the error of what must be, and of what is
 * @throws what `fail` makes
 */
export function parseUnetInputs(
  value: unknown,
  fail: (wanted: string, found: unknown) => Error,
): UnetInputs {
  if (!isRecord(value)) throw fail("inputs must be an object of names", value);
  const { constants, preconditioning } = value;
  for (const [key, name] of Object.entries(value)) {
    if (!fields.includes(key))
      throw fail(`inputs must have no other fields than ${fields.join(", ")}`, key); // prettier-ignore
    const isName = key !== "constants" && key !== "preconditioning";
    if (isName && (typeof name !== "string" || name === ""))
      throw fail(`inputs.${key} must be the name in the graph`, name);
  }
  if (constants !== undefined)
    parseConstants(constants, "inputs.constants", fail);
  if (
    preconditioning !== undefined &&
    preconditioning !== "inside" &&
    preconditioning !== "outside"
  )
    throw fail('inputs.preconditioning must be "inside" or "outside"', preconditioning); // prettier-ignore
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
