// Says how far the work is, on standard error: a bar that redraws itself on a terminal, a plain
// line now and then elsewhere (logs, pipes). Standard output belongs to results.

import stringWidth from "string-width";
import { styleText } from "node:util";
import { truncate } from "./table.js";
import { timeLeft } from "./time-left.js";

/** A line of progress; see {@link progress}. */
export interface Progress {
  /**
   * Shows how much of the present stage is done.
   * @param label the stage, such as `drawing`; a new one starts from the beginning
   * @param done in any unit, from 0 to `total`
   * @param total in the same unit, above 0
   * @param note shown behind the numbers, such as `prompt 3 of 8`
   */
  show(label: string, done: number, total: number, note?: string): void;
  /** Removes the bar from the terminal. Call it before anything else is written there, and at the end. */
  clear(): void;
}

/** What {@link progress} writes to: standard error, or any stream. */
export type ProgressStream = NodeJS.WritableStream & {
  /** Whether it is a terminal. */
  readonly isTTY?: boolean;
  /** Its width in columns. */
  readonly columns?: number;
};

const BAR_WIDTH = 24;
const LABEL_WIDTH = 24;
const REDRAW_MS = 50;
const ERASE_LINE = "\r\x1b[2K";

/**
 * A progress line. On a terminal it is a bar, redrawn at most 20 times a second and gone after `clear()`; coloured
 * unless `NO_COLOR` is set. Elsewhere, and on a terminal that cannot move its cursor (`TERM=dumb`), it is a line at
 * the start of a stage and at each quarter of it. A stage of more than two seconds says how long it still takes.
 * @param stream where to write
 * @default stream process.stderr
 */
export function progress(stream: ProgressStream = process.stderr): Progress {
  const isTerminal = stream.isTTY === true && process.env["TERM"] !== "dumb";
  return isTerminal ? bar(stream) : quarters(stream);
}

function bar(stream: ProgressStream): Progress {
  let drawnAt = -Infinity;
  let drawn: string | undefined;
  const left = timeLeft();
  return {
    show(label, done, total, note = "") {
      const share = shareOf(done, total);
      const time = left(label, share);
      const isNews = share === 1 || drawn !== label;
      if (!isNews && performance.now() - drawnAt < REDRAW_MS) return;
      // The last column stays free: some terminals wrap a line that fills it.
      // A terminal that does not know its width says 0.
      const line = drawBar(
        label,
        share,
        joined(time, note),
        (stream.columns || 80) - 1,
        stream,
      );
      stream.write(ERASE_LINE + line);
      drawnAt = performance.now();
      drawn = label;
    },
    clear() {
      if (drawn !== undefined) stream.write(ERASE_LINE);
      drawn = undefined;
      drawnAt = -Infinity;
    },
  };
}

function drawBar(
  label: string,
  share: number,
  note: string,
  width: number,
  stream: ProgressStream,
): string {
  const head = truncate(label, LABEL_WIDTH);
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  const room = width - stringWidth(head) - percent.length - 2;
  if (room < 4) return truncate(`${head} ${percent}`, Math.max(1, width));
  const cells = Math.min(BAR_WIDTH, room);
  const filled = Math.floor(share * cells);
  const noteRoom = room - cells - 2;
  const tail =
    note !== "" && noteRoom > 3 ? `  ${truncate(note, noteRoom)}` : "";
  const full = styleText("cyan", "█".repeat(filled), { stream });
  return `${head} ${full}${"░".repeat(cells - filled)} ${percent}${tail}`;
}

function quarters(stream: ProgressStream): Progress {
  let stage = "";
  let reached = -1;
  const left = timeLeft();
  return {
    show(label, done, total, note = "") {
      const time = left(label, shareOf(done, total));
      const quarter = Math.floor(4 * shareOf(done, total));
      if (label === stage && quarter <= reached) return;
      stage = label;
      reached = quarter;
      const percent = Math.floor(100 * shareOf(done, total));
      stream.write(`${label}: ${joined(`${percent} %`, time, note)}\n`);
    },
    clear() {
      stage = "";
      reached = -1;
    },
  };
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

function shareOf(done: number, total: number): number {
  return total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
}
