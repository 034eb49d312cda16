// A Unet's analysis at the sizes that were asked for last.

import type { Graph, Unet, UnetInput, UnetSize } from "@phaseskip/graph";
import { analyseUnet } from "@phaseskip/graph";

/** Sizes whose analysis is kept: each takes as much as the graph. */
const keptSizes = 4;

/** Looks at a Unet once for each of the last few sizes. */
export class UnetSizes {
  readonly #graph: Graph;
  readonly #inputs: readonly UnetInput[];
  readonly #unets = new Map<string, Unet>();

  /** @param inputs what the Unet may take beside sample and timestep */
  constructor(graph: Graph, inputs: readonly UnetInput[]) {
    this.#graph = graph;
    this.#inputs = inputs;
  }

  /** The Unet at a size. */
  get(size: UnetSize): Unet {
    const key = JSON.stringify(size);
    const known = this.#unets.get(key);
    const unet = known ?? analyseUnet(this.#graph, size, this.#inputs);
    this.#unets.delete(key);
    this.#unets.set(key, unet);
    const [oldest] = this.#unets.keys();
    if (this.#unets.size > keptSizes) this.#unets.delete(oldest!);
    return unet;
  }
}
