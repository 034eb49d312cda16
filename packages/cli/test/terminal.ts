// A stream that keeps what is written to it and can pass for a terminal.

import { Writable } from "node:stream";
import { WriteStream } from "node:tty";

/** A stream for tests; `written` is all its text so far. */
export class RecordingStream extends Writable {
  written = "";

  readonly isTTY: boolean;
  readonly columns: number;

  /**
   * @param isTTY whether to pass for a terminal
   * @param columns the terminal's width
   */
  constructor(isTTY: boolean, columns = 80) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.columns = columns;
  }

  /** Decides as a real terminal does, from `NO_COLOR` and its like. */
  getColorDepth(): number {
    return WriteStream.prototype.getColorDepth.call(this);
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.written += chunk;
    done();
  }
}
