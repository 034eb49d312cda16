// What a Unet takes beside sample and timestep, as far as shapes and parts go. Where the values come from is the
// caller's affair.

import type { Graph } from "./graph.js";
import type { UnetSize } from "./unet-size.js";

/** An input of a Unet, or several of a kind. */
export interface UnetInput {
  /** Its name in the graph; a pattern where there are several of a kind. */
  readonly name: string | RegExp;
  /** Its sizes, for axes that the graph leaves open; missing: those of what it is added to. */
  readonly dims?: (size: UnetSize) => readonly number[];
  /** Whether its values differ from step to step; what depends on the others alone is computed once in a run. */
  readonly changes: boolean;
}

/** A text's embedding, token by token: `[batch, token, width]`. */
export const textInput = {
  name: "encoder_hidden_states",
  dims: ({ batch, tokens = 77, textWidth = 768 }: UnetSize) => [
    ...[batch, tokens, textWidth],
  ],
  changes: false,
} as const satisfies UnetInput;

/** The input of that name: of those that are told, else the text's. */
export function findInput<T extends UnetInput>(
  inputs: readonly T[],
  name: string,
): T | typeof textInput | undefined {
  return [...inputs, textInput].find((input) =>
    typeof input.name === "string"
      ? input.name === name
      : input.name.test(name),
  );
}

/** Names of a graph's inputs that neither the sample, the timestep, the text nor one that is told explains. */
export function unknownInputs(
  { inputs }: Pick<Graph, "inputs">,
  told: readonly UnetInput[],
): string[] {
  return inputs
    .map(({ name }) => name)
    .filter((name) => name !== "sample" && name !== "timestep")
    .filter((name) => !findInput(told, name));
}
