// `journal.jsonl`: what a running sweep has measured, one row a line, written behind one another and synced. The
// files that people read are made from it, so that a sweep that is killed loses at most the row it was at.

import type { SweepRow } from "./cells.js";

/** A line of the journal: a row as measured, normalised effects still open, and what it took. */
export interface JournalEntry {
  /** The row. */
  readonly row: SweepRow;
  /** Calls of the Unet, all contexts of one step together. */
  readonly calls: number;
  /** Time that the row took, in ms. */
  readonly milliseconds: number;
}

/** A journal's text, read. */
export interface JournalText {
  /** The whole entries, in the order in which they were written. */
  readonly entries: readonly JournalEntry[];
  /** Length of the part that holds them, in characters of the text: what lies behind is a torn last line. */
  readonly length: number;
}

/**
 * Reads a journal. A last line without its end was torn by a kill or a full disk, and is left out.
 *
 * @param text the file's contents
 * @param file its name, for messages
 * @throws {TypeError} If a line before the last is broken: the file was changed by something else.
 */
export function parseJournal(text: string, file: string): JournalText {
  const length = text.lastIndexOf("\n") + 1;
  const lines = text.slice(0, length).split("\n").slice(0, -1);
  const entries = lines.map((line, i): JournalEntry => {
    try {
      return JSON.parse(line) as JournalEntry;
    } catch (cause) {
      throw new TypeError(
        `Cannot go on with ${file} as each of its lines must be whole: line ${i + 1} is ${line.slice(0, 40)}`,
        { cause },
      );
    }
  });
  return { entries, length };
}

/** An entry as a line. */
export function formatEntry(entry: JournalEntry): string {
  return `${JSON.stringify(entry)}\n`;
}
