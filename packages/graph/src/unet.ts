// A Unet's graph with everything that is known of it at one input size.

import type { Dependencies } from "./dependencies.js";
import { findDependencies } from "./dependencies.js";
import { PhaseskipError } from "./errors.js";
import type { Graph } from "./graph.js";
import type { InferredShapes, UnruledNode } from "./shapes/infer.js";
import { inferKnownShapes } from "./shapes/infer.js";
import type { ValueInfo } from "./shapes/rule.js";
import type { Units } from "./units/unit.js";
import { findUnits } from "./units/units.js";
import type { UnetInput } from "./unet-input.js";
import { findInput, unknownInputs } from "./unet-input.js";
import type { UnetSize } from "./unet-size.js";
import { unetWarnings } from "./unet-warnings.js";

export type { UnetSize } from "./unet-size.js";

/** A Unet at one input size. */
export interface Unet {
  /** The graph as it was read. */
  readonly graph: Graph;
  /** Type, dimensions and, where they follow from shapes, elements of every value at this size; missing where not known. */
  readonly shapes: ReadonlyMap<string, ValueInfo>;
  /** Nodes whose shapes nothing tells: the Unet runs with them, but is not cut where shapes follow from them. */
  readonly unruled: readonly UnruledNode[];
  /** What each value depends on: nothing, text, timestep, `sample`. */
  readonly dependencies: Dependencies;
  /** Its units and skips. */
  readonly units: Units;
  /** What the caller should know of the file, in sentences. */
  readonly warnings: readonly string[];
  /** Whether a value's known elements change with the input size. */
  isSizeDependent(value: string): boolean;
  /** A value's dimensions, undefined where they change with the input size. */
  fixedDims(value: string): readonly (number | undefined)[];
}

/**
 * Looks at a Unet's graph at one input size.
 *
 * @param inputs what it may take beside sample, timestep and text; one that is not among them is an error. @default none
 * @throws {RangeError} If the graph's sizes are fixed, and `size` asks for others
 * @throws {PhaseskipError} `model-unsupported` if it is no Unet, or needs inputs that are not known;
 * `model-invalid` if its shapes do not fit together
 */
export function analyseUnet(
  graph: Graph,
  size: UnetSize,
  inputs: readonly UnetInput[] = [],
): Unet {
  checkInputs(graph, inputs);
  const { shapes, unruled } = inferUnet(graph, size, inputs);
  const other = shapesAtOtherSize(graph, size, inputs) ?? shapes;
  const changes = (name: string) => findInput(inputs, name)!.changes;
  const dependencies = findDependencies(graph, shapes, changes);
  const units = findUnits(graph, shapes, dependencies);
  return {
    graph,
    shapes,
    unruled,
    dependencies,
    units,
    warnings: unetWarnings(unruled, units),
    isSizeDependent: (value) =>
      `${shapes.get(value)?.data}` !== `${other.get(value)?.data}`,
    fixedDims: (value) => {
      const dims = other.get(value)?.dims ?? [];
      return shapes
        .get(value)!
        .dims.map((dim, axis) => (dim === dims[axis] ? dim : undefined));
    },
  };
}

/** The shapes at twice the size, which tell what changes with it; undefined where the graph bears no other. */
function shapesAtOtherSize(
  graph: Graph,
  size: UnetSize,
  inputs: readonly UnetInput[],
) {
  const doubled = {
    ...size,
    batch: size.batch * 2,
    height: size.height * 2,
    width: size.width * 2,
    tokens: (size.tokens ?? 77) * 2,
  };
  try {
    return inferUnet(graph, doubled, inputs, false).shapes;
  } catch (error) {
    // an export may declare open sizes and hold fixed ones
    if (error instanceof PhaseskipError) return undefined;
    throw error;
  }
}

/** Whether the Unet takes a text's embedding. */
export function hasText(graph: Graph): boolean {
  return graph.inputs.some((input) => input.name === "encoder_hidden_states");
}

/** Samples per call that the graph is fixed to; undefined where it leaves the batch open. */
export function fixedBatch(graph: Graph): number | undefined {
  const dim = graph.inputs.find((input) => input.name === "sample")?.dims?.[0];
  return typeof dim === "number" && dim > 0 ? dim : undefined;
}

function checkInputs(graph: Graph, told: readonly UnetInput[]): void {
  const names = graph.inputs.map((input) => input.name);
  for (const wanted of ["sample", "timestep"]) {
    if (!names.includes(wanted)) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use the model as a Unet as it must have inputs named sample and timestep: it has ${names.join(", ") || "none"}`,
      );
    }
  }
  const unknown = unknownInputs(graph, told);
  if (unknown.length > 0) {
    const known = told.map(({ name }) => String(name));
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot use the Unet as its input ${unknown.join(", ")} is not known; known are ${["sample", "timestep", "encoder_hidden_states", ...known].join(", ")}`,
    );
  }
}

/** All shapes; an input that has no sizes of its own takes those of what it is added to. */
function inferUnet(
  graph: Graph,
  size: UnetSize,
  inputs: readonly UnetInput[],
  strict = true,
): InferredShapes {
  const dims = inputDims(graph, size, inputs, strict);
  const added = graph.inputs.filter(
    ({ name }) => !findInput(inputs, name)?.dims && !(name in axes),
  );
  const inferred = inferKnownShapes(graph, dims);
  if (added.length === 0) return inferred;
  // sizes of 1 fit whatever they are added to
  for (const { name } of added) {
    const [reader] = graph.consumers.get(name) ?? [];
    const sum = reader && inferred.shapes.get(reader.outputs[0]!);
    if (sum) dims.set(name, [...sum.dims]);
  }
  return inferKnownShapes(graph, dims);
}

/** The sizes of sample and timestep. */
const axes: Readonly<Record<string, (size: UnetSize) => readonly number[]>> = {
  sample: ({ batch, channels = 4, height, width }) => [
    ...[batch, channels, height, width],
  ],
  timestep: ({ batch }) => [batch],
};

function inputDims(
  graph: Graph,
  size: UnetSize,
  inputs: readonly UnetInput[],
  strict: boolean,
): Map<string, number[]> {
  return new Map(
    graph.inputs.map(({ name, dims = [] }) => {
      const chosen = axes[name] ?? findInput(inputs, name)?.dims;
      const sizes = chosen?.(size);
      return [
        name,
        dims.map((dim, axis) => {
          const wanted = sizes?.[axis] ?? 1;
          if (!sizes || typeof dim !== "number" || dim <= 0) return wanted;
          const isChoice = name === "sample" && axis !== 1;
          if (strict && isChoice && dim !== wanted) {
            const what = ["batch", "", "height", "width"][axis]!;
            throw new RangeError(
              `Cannot run the Unet at ${what} ${wanted} as its export is fixed to ${what} ${dim}; export it with dynamic axes to change that`,
            );
          }
          return dim;
        }),
      ];
    }),
  );
}
