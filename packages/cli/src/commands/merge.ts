// `phaseskip merge`: the shards of a sweep as one sweep.

import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  differenceOf,
  formatRows,
  mergeShards,
  parseJournal,
  parseManifest,
  parseRows,
  type ReferenceRow,
  type SweepShard,
} from "@phaseskip/ablation";
import type { CommandIo } from "../command-io.js";
import {
  checkEmpty,
  mkdirOf,
  readText,
  writeSweep,
  writeWhole,
} from "../sweep/sweep-folder.js";

/** The options of `merge`, read. */
export interface MergeArguments {
  readonly out: string;
  readonly tolerance?: number;
}

/** Runs `phaseskip merge DIR…`. */
export async function merge(
  folders: readonly string[],
  { out, tolerance }: MergeArguments,
  io: CommandIo,
): Promise<void> {
  const shards: SweepShard[] = [];
  for (const path of folders) shards.push(await readShard(path));
  const whole = mergeShards(
    shards,
    tolerance === undefined ? {} : { tolerance },
  );
  const there = await readText(join(out, "manifest.json"));
  if (there !== undefined) {
    const other = parseManifest(there, join(out, "manifest.json"));
    const difference = differenceOf(other, whole.manifest, { shards: false });
    if (difference !== undefined) {
      throw new RangeError(
        `Cannot merge into ${out} as it must be empty or hold the same sweep: it differs in ${difference}; choose another --out`,
      );
    }
  }
  if (there === undefined) await checkEmpty("merge", out);
  await mkdirOf(join(out, "pictures"));
  for (const folder of folders) {
    const from = join(folder, "pictures");
    for (const name of await readdir(from)) {
      if (name.endsWith(".png"))
        await copyFile(join(from, name), join(out, "pictures", name));
    }
  }
  // these come from the full runs, and are the same in every shard
  for (const name of ["means.json", "converged.jsonl"]) {
    const text = await readText(join(folders[0]!, name));
    if (text !== undefined) await writeWhole(join(out, name), text);
  }
  await writeWhole(join(out, "references.jsonl"), formatRows(whole.references));
  await writeSweep(out, whole.manifest, whole.entries);
  io.stdout.write(
    `${out}: ${whole.entries.length} rows of ${folders.length} ${folders.length === 1 ? "shard" : "shards"}\n`,
  );
}

async function readShard(path: string): Promise<SweepShard> {
  const read = async (name: string) => {
    const text = await readText(join(path, name));
    if (text !== undefined) return text;
    throw new RangeError(
      `Cannot merge ${path} as it must be the folder of a sweep: it has no ${name}`,
    );
  };
  const manifest = parseManifest(
    await read("manifest.json"),
    join(path, "manifest.json"),
  );
  const journal = join(path, "journal.jsonl");
  const { entries } = parseJournal(await read("journal.jsonl"), journal);
  const references = parseRows<ReferenceRow>(
    await read("references.jsonl"),
    join(path, "references.jsonl"),
  );
  return { path, manifest, entries, references };
}
