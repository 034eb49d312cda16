// A Unet's graph with everything that is known of it at one input size.

import type { Dependencies } from "./dependencies.js";
import { findDependencies } from "./dependencies.js";
import { PhaseskipError } from "./errors.js";
import type { Graph } from "./graph.js";
import type { UnruledNode } from "./shapes/infer.js";
import { inferKnownShapes } from "./shapes/infer.js";
import type { ValueInfo } from "./shapes/rule.js";
import type { Units } from "./units/unit.js";
import { findUnits } from "./units/units.js";
import { unetWarnings } from "./unet-warnings.js";

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

/** Sizes of the Unet's inputs: what a run chooses. */
export interface UnetSize {
  /** Samples per call. */
  readonly batch: number;
  /** Pixels, or latent pixels, of the sample. */
  readonly height: number;
  /** Pixels, or latent pixels, of the sample. */
  readonly width: number;
  /** Channels of the sample; for a graph that leaves them open. @default 4 */
  readonly channels?: number;
  /** Tokens of the text; needed where the graph leaves them open. @default 77 */
  readonly tokens?: number;
  /** Width of the text's embedding, for a graph that leaves it open. @default 768 */
  readonly textWidth?: number;
  /** Inputs of other names, which are fed the same at every step. @default none */
  readonly constants?: readonly string[];
}

/** Inputs that runs can feed; a Unet that needs another is not supported. */
const knownInputs = new Set([
  "sample",
  "timestep",
  "encoder_hidden_states",
  "timestep_cond",
  "text_embeds",
  "time_ids",
]);

/**
 * Looks at a Unet's graph at one input size.
 *
 * @throws {RangeError} If the graph's sizes are fixed, and `size` asks for others
 * @throws {PhaseskipError} `model-unsupported` if it is no Unet, or needs inputs that are not known;
 * `model-invalid` if its shapes do not fit together
 */
export function analyseUnet(graph: Graph, size: UnetSize): Unet {
  checkInputs(graph, size.constants);
  const { shapes, unruled } = inferKnownShapes(graph, inputDims(graph, size));
  const other = shapesAtOtherSize(graph, size) ?? shapes;
  const dependencies = findDependencies(graph, shapes);
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
function shapesAtOtherSize(graph: Graph, size: UnetSize) {
  const doubled = {
    ...size,
    batch: size.batch * 2,
    height: size.height * 2,
    width: size.width * 2,
    tokens: (size.tokens ?? 77) * 2,
  };
  try {
    return inferKnownShapes(graph, inputDims(graph, doubled, false)).shapes;
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

function checkInputs(graph: Graph, constants: readonly string[] = []): void {
  const names = graph.inputs.map((input) => input.name);
  for (const wanted of ["sample", "timestep"]) {
    if (!names.includes(wanted)) {
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use the model as a Unet as it must have inputs named sample and timestep: it has ${names.join(", ") || "none"}`,
      );
    }
  }
  const unknown = names.filter(
    (name) => !knownInputs.has(name) && !constants.includes(name),
  );
  if (unknown.length > 0) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot use the Unet as its input ${unknown.join(", ")} is not known; known are ${[...knownInputs].join(", ")}`,
    );
  }
}

function inputDims(
  graph: Graph,
  size: UnetSize,
  strict = true,
): Map<string, number[]> {
  const {
    batch,
    height,
    width,
    channels = 4,
    tokens = 77,
    textWidth = 768,
  } = size;
  const chosen: Record<string, readonly number[]> = {
    sample: [batch, channels, height, width],
    timestep: [batch],
    encoder_hidden_states: [batch, tokens, textWidth],
    // exports fix all but the batch of these; else the widths are those of the published models
    timestep_cond: [batch, 256],
    text_embeds: [batch, 1280],
    time_ids: [batch, 6],
  };
  return new Map(
    graph.inputs.map(({ name, dims = [] }) => [
      name,
      dims.map((dim, axis) => {
        const wanted = chosen[name]?.[axis] ?? 1;
        if (typeof dim !== "number" || dim <= 0) return wanted;
        const isChoice = name === "sample" && axis !== 1;
        if (strict && isChoice && dim !== wanted) {
          const what = ["batch", "", "height", "width"][axis]!;
          throw new RangeError(
            `Cannot run the Unet at ${what} ${wanted} as its export is fixed to ${what} ${dim}; export it with dynamic axes to change that`,
          );
        }
        return dim;
      }),
    ]),
  );
}
