// `journal.jsonl`: what a running sweep has measured, one row a line, written behind one another and synced. The
// files that people read are made from it, so that a sweep that is killed loses at most the row it was at.

import { isRow, rowProblem, type SweepRow } from "../cells/cells.js";

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
 * Reads a journal. A last line that is not whole was torn by a kill or a full disk, and is left out.
 *
 * @param text the file's contents
 * @param file its name, for messages
 * @throws {TypeError} If a line before the last is broken: the file was changed by something else.
 */
export function parseJournal(text: string, file: string): JournalText {
  const entries: JournalEntry[] = [];
  let length = 0;
  for (;;) {
    const end = text.indexOf("\n", length) + 1;
    if (end === 0) return { entries, length };
    const line = text.slice(length, end - 1);
    const entry = parseEntry(line);
    // a disk that is full may have ended a torn line all the same
    if (!entry && end === text.length) return { entries, length };
    if (!entry) {
      throw new TypeError(
        `Cannot go on with ${file} as each of its lines must be whole: line ${entries.length + 1} is ${line.slice(0, 40)}`,
      );
    }
    entries.push(entry);
    length = end;
  }
}

function parseEntry(line: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<JournalEntry> | null;
    return isRow(entry?.row) && rowProblem(entry.row) === undefined
      ? (entry as JournalEntry)
      : undefined;
  } catch {
    return undefined;
  }
}

/** An entry as a line. */
export function formatEntry(entry: JournalEntry): string {
  return `${JSON.stringify(entry)}\n`;
}
