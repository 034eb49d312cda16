// Where a segment must end because what flows on differs between signatures.

import { Dependency } from "../dependencies.js";
import type { GraphNode } from "../graph.js";
import type { LiveGraph, Port } from "./live.js";
import { portKey, readsMainInput } from "./live.js";
import type { Unet } from "../unet.js";

/** Which edges are cut because their source differs between signatures, and what they are called. */
export class CutEdges {
  readonly #unet: Unet;
  /** Ports that hand on something else than the computed value in at least one signature. */
  readonly #acting = new Set<string>();
  /** Ports that hand on something that was never computed in at least one signature. */
  readonly #inexact = new Set<string>();
  /** Ports that need their unit's main input in at least one signature. */
  readonly #mains = new Map<string, Port>();

  constructor(unet: Unet, signatures: readonly LiveGraph[]) {
    this.#unet = unet;
    for (const { ports } of signatures) {
      for (const [key, port] of ports) {
        if (port.state !== "fresh") this.#acting.add(key);
        if (port.state !== "fresh" && port.state !== "cache")
          this.#inexact.add(key);
        if (readsMainInput(port)) this.#mains.set(key, port);
      }
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

  /** Whether what is read through these units was computed, now or at an earlier step. */
  isExact(value: string, units: readonly string[]): boolean {
    return !units.some((unit) => this.#inexact.has(portKey({ unit, value })));
  }

  /** Values that can stand in for a value on its way to a reader: main inputs of the units between. */
  standIns(value: string, reader: GraphNode, slot: number): readonly string[] {
    return this.units(value, reader, slot).flatMap((unit) =>
      this.#mainInputs({ unit, value }),
    );
  }

  /** The main inputs that ports need at some step; with what stands in for those. */
  mainInputs(): Set<string> {
    const values = new Set<string>();
    for (const port of this.#mains.values())
      for (const value of this.#mainInputs(port)) values.add(value);
    return values;
  }

  #mainInputs(port: Port): string[] {
    if (!this.#mains.has(portKey(port))) return [];
    const { mainInput } = this.#unet.units.units.get(port.unit)!;
    const { value, reader, slot } = mainInput!;
    return [value, ...this.standIns(value, reader, slot)];
  }

  /** What a segment calls the value that it reads through these units. */
  name(value: string, units: readonly string[]): string {
    return units.length === 0 ? value : portKey({ value, unit: units.at(-1)! });
  }
}
