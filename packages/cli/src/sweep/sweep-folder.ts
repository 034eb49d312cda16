// A folder that a sweep is written to: what is measured is on the disk before the next row begins, and files that
// are read by others appear whole or not at all.

import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  truncate,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { join } from "node:path";
import {
  differenceOf,
  formatEntry,
  formatRows,
  normaliseCells,
  parseJournal,
  parseManifest,
  rowKey,
  type CellRow,
  type JournalEntry,
  type ResponseRow,
  type SweepManifest,
  type SweepRow,
} from "@phaseskip/ablation";
import { systemReason } from "../files/file.js";

/** A sweep's folder, open for one process. */
export class SweepFolder {
  readonly path: string;
  readonly manifest: SweepManifest;
  /** What was measured before. */
  readonly entries: JournalEntry[];
  readonly #journal: FileHandle;

  private constructor(
    path: string,
    manifest: SweepManifest,
    entries: readonly JournalEntry[],
    journal: FileHandle,
  ) {
    this.path = path;
    this.manifest = manifest;
    this.entries = [...entries];
    this.#journal = journal;
  }

  /**
   * Opens a folder, and makes it where there is none. What a sweep of the same manifest left there is gone on with.
   *
   * @throws {RangeError} If another sweep lies there
   * @throws {Error} If it cannot be written; the system's error is its `cause`
   */
  static async open(
    path: string,
    manifest: SweepManifest,
  ): Promise<SweepFolder> {
    const journalPath = join(path, "journal.jsonl");
    const there = await readText(join(path, "manifest.json"));
    if (there === undefined) await checkEmpty("sweep", path);
    await mkdirOf(join(path, "pictures"));
    if (there !== undefined) {
      const other = parseManifest(there, join(path, "manifest.json"));
      const difference = differenceOf(other, manifest, { shards: false });
      if (difference !== undefined) {
        throw new RangeError(
          `Cannot sweep into ${path} as it must be empty or hold the same sweep: it differs in ${difference}; choose another --out`,
        );
      }
    } else {
      await writeWhole(join(path, "manifest.json"), jsonText(manifest));
    }
    const text = (await readText(journalPath)) ?? "";
    const { entries, length } = parseJournal(text, journalPath);
    const torn = Buffer.byteLength(text.slice(0, length));
    if (torn < Buffer.byteLength(text)) await truncate(journalPath, torn);
    const journal = await guard("keep a row", journalPath, () =>
      open(journalPath, "a"),
    );
    return new SweepFolder(path, manifest, entries, journal);
  }

  /** Names of the rows that are there. */
  get done(): ReadonlySet<string> {
    return new Set(this.entries.map(({ row }) => rowKey(row)));
  }

  /**
   * Keeps a row; it is on the disk when this returns.
   * @throws {Error} If the disk is full; what was kept before stays
   */
  async keep(entry: JournalEntry): Promise<void> {
    const path = join(this.path, "journal.jsonl");
    const kept = `; ${this.entries.length} rows are kept: make room, and run the same command again`;
    await guard(
      "keep a row",
      path,
      async () => {
        await this.#journal.appendFile(formatEntry(entry));
        await this.#journal.sync();
      },
      kept,
    );
    this.entries.push(entry);
  }

  /** Writes the files that others read. */
  async finish(): Promise<void> {
    await writeSweep(this.path, this.manifest, this.entries);
  }

  /** Closes the journal. */
  async close(): Promise<void> {
    await this.#journal.close();
  }
}

/**
 * Writes a sweep's files: rows by kind, sorted; times apart.
 * @throws {Error} If they cannot be written; the system's error is its `cause`
 */
export async function writeSweep(
  path: string,
  manifest: SweepManifest,
  entries: readonly JournalEntry[],
): Promise<void> {
  const rows = entries.map(({ row }) => row);
  const pick = <T extends SweepRow>(name: string) =>
    rows.filter((row): row is T => name in row);
  const responses = pick<ResponseRow>("response");
  const { directions } = manifest.settings;
  const cells = normaliseCells(pick<CellRow>("cell"), responses, directions);
  const files = {
    "cells.jsonl": formatRows(cells),
    "responses.jsonl": formatRows(responses),
    "floor.jsonl": formatRows(pick("floor")),
    "emergence.jsonl": formatRows(pick("emergence")),
    "timings.jsonl": entries
      .map(({ row, calls, milliseconds }) => ({
        row: rowKey(row),
        calls,
        milliseconds,
      }))
      .sort((a, b) => (a.row < b.row ? -1 : 1))
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(""),
    "manifest.json": jsonText(manifest),
  };
  for (const [name, text] of Object.entries(files))
    await writeWhole(join(path, name), text);
}

/**
 * Writes a file so that it is there whole or, after a kill, not at all.
 * @param options `flush`: whether it is on the disk when this returns
 * @throws {Error} If it cannot be written; the system's error is its `cause`
 */
export async function writeWhole(
  path: string,
  contents: string | Uint8Array,
  { flush = true }: { readonly flush?: boolean } = {},
): Promise<void> {
  await guard("write the sweep", path, async () => {
    await writeFile(`${path}.part`, contents, { flush });
    await rename(`${path}.part`, path);
  });
}

/** A file's text; undefined where there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return undefined;
    throw error;
  }
}

/**
 * Refuses a folder that holds what no sweep wrote.
 * @param doing `sweep` or `merge`
 * @throws {RangeError} If it does
 */
export async function checkEmpty(doing: string, path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  // a sweep that was killed before its manifest was whole leaves the first two, a system the others
  const own = /^(pictures|manifest\.json\.part|lost\+found|\..*)$/;
  const other = names.find((name) => !own.test(name));
  if (other === undefined) return;
  throw new RangeError(
    `Cannot ${doing} into ${path} as it must be empty or hold the same sweep: it holds ${other} and no manifest.json; choose another --out`,
  );
}

/** Makes a folder and those above it. */
export async function mkdirOf(path: string): Promise<void> {
  await guard("write the sweep", path, () => mkdir(path, { recursive: true }));
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function guard<T>(
  doing: string,
  path: string,
  work: () => Promise<T>,
  more = "",
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = systemReason(cause);
    const advice =
      more === "" && reason.includes("ENOSPC")
        ? "; rows that were measured are kept: make room, and run the same command again"
        : more;
    throw new Error(
      `Cannot ${doing} as ${path} must be on a disk that may be written: current state is ${reason}${advice}`,
      { cause },
    );
  }
}
