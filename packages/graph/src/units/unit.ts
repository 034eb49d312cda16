// A part of a Unet that a plan can act on, and the units of a graph.

import type { GraphNode } from "../graph.js";

import type { Skip } from "./skips.js";

/** A named part of the Unet. */
export interface Unit {
  /** Its module path, such as `down_blocks.1.resnets.0`; a skip's ends in `.skip`. */
  readonly path: string;
  /** The unit around it; "" is the Unet itself. */
  readonly parent: string;
  /** The `sample`-dependent float values made inside it and used outside it. */
  readonly outputs: readonly string[];
  /** Nodes inside it, nested units included; none for a skip. */
  readonly nodes: readonly GraphNode[];
  /** Where it enters its consumer, if it is a skip. */
  readonly skip?: Skip;
  /**
   * The `sample`-dependent value, not a skip, that enters it and reaches its output by the fewest nodes;
   * of a skip the value itself, as its consumer reads it. Missing if nothing enters.
   */
  readonly mainInput?: Edge;
  /**
   * Where what it adds to its main input enters the last addition, if its one output is that addition, times
   * or over a constant, and the other summand is the main input or one convolution of it.
   */
  readonly residual?: Edge;
}

/** The units of a graph. */
export interface Units {
  /** All units that a plan can act on, by path, in the order of their first node that depends on `sample`. */
  readonly units: ReadonlyMap<string, Unit>;
  /** By node index: the path of the deepest unit that the node belongs to; "" is the Unet itself. */
  readonly unitOf: readonly string[];
  /** Whether the file has no module names left, and the units were guessed from the shape of the graph. */
  readonly isGuessed: boolean;
  /**
   * The units whose actions a reader of a value sees, innermost first: those that hold the value's
   * producer and not its reader, then the skip that the edge is, or the `residualPath` of the units whose
   * residual it is.
   *
   * @param value the value read
   * @param reader the node that reads it; undefined for the graph's own outputs
   * @param slot which of the reader's inputs it is; -1 for a value that a body captures
   */
  unitsBetween(
    value: string,
    reader: GraphNode | undefined,
    slot: number,
  ): readonly string[];
}

/** A value at one of the places where it is read. */
export interface Edge {
  /** The value's name in the graph. */
  readonly value: string;
  /** The node that reads it. */
  readonly reader: GraphNode;
  /** Which of the reader's inputs it is; -1 for a value that a body captures. */
  readonly slot: number;
}
