// Where a segment must end because what flows on differs between signatures.

import { Dependency } from "./dependencies.js";
import type { GraphNode } from "./graph.js";
import type { LiveGraph } from "./live.js";
import { portKey } from "./live.js";
import type { Unet } from "./unet.js";

/** Which edges are cut because their source differs between signatures, and what they are called. */
export class CutEdges {
  readonly #unet: Unet;
  /** Ports that hand on something else than the computed value in at least one signature. */
  readonly #acting = new Set<string>();

  constructor(unet: Unet, signatures: readonly LiveGraph[]) {
    this.#unet = unet;
    for (const { ports } of signatures) {
      for (const [key, port] of ports)
        if (port.state !== "fresh") this.#acting.add(key);
    }
  }

  /** The acting units between a value and its reader, innermost first. */
  units(value: string, reader: GraphNode, slot: number): readonly string[] {
    if (!((this.#unet.dependencies.values.get(value) ?? 0) & Dependency.sample))
      return [];
    return this.#unet.units
      .unitsBetween(value, reader, slot)
      .filter((unit) => this.#acting.has(portKey({ unit, value })));
  }

  /** Whether an action can take hold between a value and its reader. */
  isCut(value: string, reader: GraphNode, slot: number): boolean {
    return this.units(value, reader, slot).length > 0;
  }

  /** What a segment calls the value that it reads through these units. */
  name(value: string, units: readonly string[]): string {
    return units.length === 0 ? value : portKey({ value, unit: units.at(-1)! });
  }
}
