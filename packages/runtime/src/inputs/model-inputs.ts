// The table of one model's inputs: those that are known, and those whose values the model names itself.

import type { Graph, GraphValue } from "@phaseskip/graph";
import { isFloat } from "@phaseskip/graph";
import type { UnetConstants } from "./constants.js";
import { shownValue } from "../prompt/shown-value.js";
import type { RunInput } from "./run-input.js";
import { unetInputs } from "./unet-inputs.js";

/**
 * Every input of a model's Unet beside sample and timestep.
 * @param constants of the model: values of inputs that are not known here, by name
 */
export function modelInputs(
  { inputs }: Pick<Graph, "inputs">,
  constants: UnetConstants,
): readonly RunInput[] {
  const own = inputs.flatMap((input) => {
    const held = constants[input.name];
    return held === undefined ? [] : [constantInput(input, held)];
  });
  return own.length === 0 ? unetInputs : [...own, ...unetInputs];
}

/** An input that holds the same at every step of a run, in both contexts. */
function constantInput(
  { name, type }: GraphValue,
  held: number | readonly number[],
): RunInput {
  return {
    name,
    dims: ({ batch }) => [batch, ...(isList(held) ? [held.length] : [])],
    changes: false,
    source: `constants, such as { ${name}: 0 }`,
    value: ({ request, length }) => {
      const value = request.constants?.[name] ?? held;
      const numbers = isList(value)
        ? value
        : new Array<number>(length).fill(value);
      const isWhole = isFloat(type) || numbers.every(Number.isInteger);
      if (numbers.length === length && isWhole)
        return Float32Array.from(numbers);
      const wanted = isFloat(type) ? "numbers" : "whole numbers";
      throw new RangeError(
        `Cannot generate an image as constants.${name} must be one number for all, or ${length} ${wanted}: current value is ${isList(value) ? `a list of ${value.length}` : shownValue(value)}`,
      );
    },
  };
}

const isList = (
  value: number | readonly number[],
): value is readonly number[] => typeof value === "object";

/** @throws {RangeError} If a call gives values to inputs that the model does not have */
export function checkConstants(
  given: UnetConstants | undefined,
  known: UnetConstants,
): void {
  for (const name of Object.keys(given ?? {})) {
    if (name in known) continue;
    const names = Object.keys(known);
    const has =
      names.length === 0
        ? "this model has no such inputs"
        : `this model has ${names.join(", ")}`;
    throw new RangeError(
      `Cannot generate an image as constants must be of inputs that the model was loaded with: current name is ${name}; ${has}`,
    );
  }
}
