// How much memory a run's caches take, worked out from what its steps keep and drop.

import type { LiveGraph, Partition, Unet } from "@phaseskip/graph";
import { elementCount, elementSize, heldType } from "@phaseskip/graph";
import type { ScheduledStep } from "../schedule/scheduled.js";
import { compileProgram } from "./program.js";

/** Bytes that one chunk of a run keeps on its device. */
export interface CacheBytes {
  /** By step and context: what the plan keeps once the context has run. */
  readonly steps: readonly (readonly number[])[];
  /** What depends on the text alone, of one context: kept for the whole run. */
  readonly text: number;
}

/**
 * Follows the caches of one chunk through a run.
 * @param partition made for these signatures
 * @param hasHalf whether the device keeps float16 as it is
 */
export function cacheBytes(
  unet: Unet,
  signatures: readonly LiveGraph[],
  partition: Partition,
  steps: readonly ScheduledStep[],
  hasHalf: boolean,
): CacheBytes {
  const bytesOf = (value: string) => {
    const { type, dims } = unet.shapes.get(value)!;
    return elementCount(dims) * elementSize(heldType(type, hasHalf))!;
  };
  /** By entry: the tensor behind it, which several may share. */
  const cache = new Map<string, { readonly bytes: number }>();
  const kept = steps.map(({ contexts }) =>
    contexts.map(({ signature, stores, reads, drops }) => {
      const live = signatures[signature]!;
      const program = compileProgram(
        unet,
        partition,
        live,
        stores,
        reads,
        true,
      );
      const made = new Map<string, { readonly bytes: number }>();
      stores.forEach(({ entry }, i) => {
        const source = program.stores[i]!;
        if (source.kind === "cache") {
          const from = reads.get(source.port)!.entries[source.index]!;
          cache.set(entry, cache.get(from)!);
          return;
        }
        const name =
          source.kind === "value"
            ? source.value
            : source.kind === "mean"
              ? `mean ${source.like}@${source.unit}`
              : `zeros ${i}`;
        const tensor = made.get(name) ?? { bytes: bytesOf(source.like) };
        made.set(name, tensor);
        cache.set(entry, tensor);
      });
      for (const entry of drops) cache.delete(entry);
      let sum = 0;
      for (const { bytes } of new Set(cache.values())) sum += bytes;
      return sum;
    }),
  );
  const text = new Set(
    partition.segments.flatMap(({ kind, inputs, outputs }) =>
      kind === "text" ? [...outputs, ...inputs.map(({ value }) => value)] : [],
    ),
  );
  return {
    steps: kept,
    text: [...text].reduce((sum, value) => sum + bytesOf(value), 0),
  };
}
