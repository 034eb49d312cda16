// `FILE.search.jsonl`: what a search has run, a line each, on the disk before the next run begins. A killed search goes
// on from it; and its `verified` lines hold predicted beside measured losses.

import { open, truncate, type FileHandle } from "node:fs/promises";
import type { Quality, VerifiedPlan } from "@phaseskip/ablation";
import { systemReason } from "../files/file.js";
import { readText } from "../sweep/sweep-folder.js";

/** A line of the file; the first one says what is searched. */
type Line =
  | { readonly search: object }
  | { readonly measured: string; readonly quality: Quality }
  | { readonly verified: VerifiedPlan };

/** The record of a search, open for one process. */
export class PlanJournal {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #measured = new Map<string, Quality>();
  readonly #verified = new Set<string>();

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /**
   * Opens a record, and makes it where there is none.
   *
   * @param search what decides the numbers; a record of another search is not gone on with
   * @throws {RangeError} If the file holds another search
   * @throws {Error} If it cannot be written
   */
  static async open(path: string, search: object): Promise<PlanJournal> {
    const text = (await readText(path)) ?? "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").filter((line) => line !== "");
    const header = JSON.stringify({ search });
    if (lines.length > 0 && lines[0] !== header) {
      throw new RangeError(
        `Cannot go on with ${path} as it must be of the same search: model, sweep, prompts, splits or options differ; remove it, or choose another --out`,
      );
    }
    let file: FileHandle;
    try {
      if (whole.length < text.length)
        await truncate(path, Buffer.byteLength(whole));
      file = await open(path, "a");
    } catch (cause) {
      throw new Error(
        `Cannot keep the search as ${path} must be in a folder that may be written: current state is ${systemReason(cause)}`,
        { cause },
      );
    }
    const journal = new PlanJournal(path, file);
    for (const line of lines.slice(1)) journal.#read(line);
    if (lines.length === 0) await journal.#write({ search });
    return journal;
  }

  /** What was measured before under this name. */
  measured(key: string): Quality | undefined {
    return this.#measured.get(key);
  }

  /** Keeps a measurement. */
  async keep(key: string, quality: Quality): Promise<void> {
    this.#measured.set(key, quality);
    await this.#write({ measured: key, quality });
  }

  /** Keeps what was predicted of a plan beside what was measured; once. */
  async keepVerified(verified: VerifiedPlan): Promise<void> {
    const line = JSON.stringify(verified);
    if (this.#verified.has(line)) return;
    this.#verified.add(line);
    await this.#write({ verified });
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  #read(text: string): void {
    const line = JSON.parse(text) as Line;
    if ("measured" in line) this.#measured.set(line.measured, line.quality);
    else if ("verified" in line)
      this.#verified.add(JSON.stringify(line.verified));
  }

  async #write(line: Line): Promise<void> {
    try {
      await this.#file.appendFile(`${JSON.stringify(line)}\n`);
      await this.#file.sync();
    } catch (cause) {
      throw new Error(
        `Cannot keep the search as ${this.path} must be on a disk that may be written: current state is ${systemReason(cause)}; what was kept stays: make room, and run the same command again`,
        { cause },
      );
    }
  }
}
