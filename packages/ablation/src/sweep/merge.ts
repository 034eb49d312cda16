// Shards of a sweep as one sweep, with the rows that a single run would have given.

import { relativeL2 } from "@phaseskip/metrics";
import type { ReferenceRow } from "../cells/cells.js";
import { rowKey } from "../cells/cells.js";
import type { JournalEntry } from "./journal.js";
import type { SweepManifest } from "../cells/manifest.js";
import { differenceOf, shardName } from "../cells/manifest.js";

/** A shard, read. */
export interface SweepShard {
  /** Where it lies, for messages. */
  readonly path: string;
  /** Its manifest. */
  readonly manifest: SweepManifest;
  /** What it measured. */
  readonly entries: readonly JournalEntry[];
  /** What its full runs gave. */
  readonly references: readonly ReferenceRow[];
}

/** How shards are merged. */
export interface MergeOptions {
  /**
   * How far, relative to their norm, the full runs of shards from other processors may be apart; recorded.
   * @default none: processors and full runs must be the same
   */
  readonly tolerance?: number;
}

/**
 * Merges the shards of a sweep.
 *
 * @param shards each once, in any order
 * @returns the whole sweep, as a single run would have left it
 * @throws {TypeError} If there are no shards
 * @throws {RangeError} If they are of different models, plan languages, builds of ONNX Runtime or settings, or, without
 * a tolerance, of different processors; if one is missing, unfinished or there twice
 */
export function mergeShards(
  shards: readonly SweepShard[],
  options: MergeOptions = {},
): SweepShard {
  const [first] = shards;
  if (!first) {
    throw new TypeError(
      "Cannot merge as there must be at least one folder of a shard: current number is 0",
    );
  }
  for (const other of shards) checkAlike(first, other, options);
  checkComplete(shards);
  const sorted = [...shards].sort(
    (a, b) => a.manifest.shard.index - b.manifest.shard.index,
  );
  const { tolerance: _, ...manifest } = first.manifest;
  const cpus = new Set(sorted.map((shard) => shard.manifest.cpu));
  const { tolerance } = options;
  return {
    path: first.path,
    manifest: {
      ...manifest,
      rows: sorted.flatMap((shard) => shard.manifest.rows).sort(),
      shard: { index: 0, count: 1 },
      cpu: [...cpus].sort().join(" | "),
      ...(tolerance !== undefined && { tolerance }),
    },
    entries: sorted.flatMap(({ entries }) => entries),
    references: first.references,
  };
}

function checkAlike(
  one: SweepShard,
  other: SweepShard,
  { tolerance }: MergeOptions,
): void {
  const refuse = (difference: string) => {
    throw new RangeError(
      `Cannot merge ${one.path} and ${other.path} as they must be shards of the same sweep: they differ in ${difference}`,
    );
  };
  const difference = differenceOf(one.manifest, other.manifest, {
    shards: true,
  });
  if (difference !== undefined) refuse(difference);
  const [count, otherCount] = [one, other].map(
    ({ manifest }) => manifest.shard.count,
  );
  if (count !== otherCount)
    refuse(`the number of shards: ${count} and ${otherCount}`);
  const isOtherCpu = one.manifest.cpu !== other.manifest.cpu;
  if (isOtherCpu && tolerance === undefined) {
    refuse(
      `the processors' vector extensions, which may round differently: ${one.manifest.cpu} and ${other.manifest.cpu}; --tolerance lets them pass and is recorded`,
    );
  }
  for (const [pair, { projections }] of one.references.entries()) {
    const found = other.references[pair]?.projections ?? [];
    if (found.length !== projections.length)
      refuse(
        `the number of full runs, ${one.references.length} and ${other.references.length}`,
      );
    const distance = relativeL2(found, projections);
    if (distance > (tolerance ?? 0)) {
      refuse(
        `the full run of pair ${pair}, by ${distance.toExponential(1)} of its norm: --tolerance must be at least that`,
      );
    }
  }
}

function checkComplete(shards: readonly SweepShard[]): void {
  const { count } = shards[0]!.manifest.shard;
  const byIndex = new Map<number, SweepShard>();
  for (const shard of shards) {
    const { index } = shard.manifest.shard;
    const twice = byIndex.get(index);
    if (twice) {
      throw new RangeError(
        `Cannot merge as each shard must be there once: ${twice.path} and ${shard.path} both hold ${shardName(shard.manifest.shard)}`,
      );
    }
    byIndex.set(index, shard);
    const there = new Set(shard.entries.map(({ row }) => rowKey(row)));
    const missing = shard.manifest.rows.filter((row) => !there.has(row));
    if (missing.length > 0) {
      throw new RangeError(
        `Cannot merge ${shard.path} as it must be finished: ${missing.length} of its ${shard.manifest.rows.length} rows are missing, such as ${missing[0]}; run its command again`,
      );
    }
  }
  const missing = Array.from({ length: count }, (_, index) => index)
    .filter((index) => !byIndex.has(index))
    .map((index) => shardName({ index, count }));
  if (missing.length > 0) {
    throw new RangeError(
      `Cannot merge as all ${count} shards must be there: missing ${missing.length === 1 ? "is" : "are"} ${missing.join(", ")}`,
    );
  }
}
