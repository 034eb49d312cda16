import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { progress } from "../src/terminal/progress.js";
import { RecordingStream } from "./terminal.js";

const ERASE = "\r\x1b[2K";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.stubEnv("TERM", "xterm-256color");
  vi.stubEnv("CI", undefined); // there Node knows fewer colours
  vi.stubEnv("FORCE_COLOR", undefined);
  vi.stubEnv("NO_COLOR", undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** The lines that were drawn over each other, without colour. */
function frames(stream: RecordingStream): string[] {
  return stream.written.split(ERASE).slice(1).map(stripVTControlCharacters);
}

describe("progress() on a terminal", () => {
  test("draws a bar with share and note over itself", () => {
    const stream = new RecordingStream(true);
    const line = progress(stream);
    line.show("drawing", 0, 8);
    vi.advanceTimersByTime(60);
    line.show("drawing", 4, 8, "prompt 4 of 8");
    expect(frames(stream)).toEqual([
      `drawing ${"░".repeat(24)}   0 %`,
      `drawing ${"█".repeat(12)}${"░".repeat(12)}  50 %  prompt 4 of 8`,
    ]);
    expect(stream.written).not.toContain("\n");
  });
  test("erases itself at the end, and writes nothing more", () => {
    const stream = new RecordingStream(true);
    const line = progress(stream);
    line.show("drawing", 1, 2);
    line.clear();
    expect(frames(stream).at(-1)).toBe("");
    const { written } = stream;
    line.clear();
    expect(stream.written).toBe(written);
  });
  test("clear() writes nothing if nothing was shown", () => {
    const stream = new RecordingStream(true);
    progress(stream).clear();
    expect(stream.written).toBe("");
  });
  test("redraws at most every 50 ms, but always for a new stage and for the end of one", () => {
    const stream = new RecordingStream(true);
    const line = progress(stream);
    for (let i = 0; i < 100; i++) {
      line.show("loading", i, 1000);
      vi.advanceTimersByTime(1);
    }
    expect(frames(stream).length).toBe(2);
    line.show("loading", 1000, 1000);
    line.show("drawing", 0, 8);
    expect(frames(stream).length).toBe(4);
  });
  test("stays narrower than the terminal", () => {
    for (let columns = 5; columns < 100; columns++) {
      const stream = new RecordingStream(true, columns);
      progress(stream).show(
        "a stage with a very long name",
        1,
        3,
        "and a note that is long as well",
      );
      expect(stringWidth(frames(stream)[0]!)).toBeLessThan(columns);
    }
  });
  test("takes a terminal that reports no width for one of 80 columns", () => {
    const stream = new RecordingStream(true, 0);
    progress(stream).show("drawing", 1, 2);
    expect(frames(stream)).toEqual([
      `drawing ${"█".repeat(12)}${"░".repeat(12)}  50 %`,
    ]);
  });
  test("colours the bar unless NO_COLOR is set", () => {
    const stream = new RecordingStream(true);
    progress(stream).show("drawing", 1, 2);
    expect(stream.written).toContain("\x1b[36m");
    vi.stubEnv("NO_COLOR", "1");
    const plain = new RecordingStream(true);
    progress(plain).show("drawing", 1, 2);
    expect(plain.written).not.toContain("\x1b[36m");
    expect(frames(plain)).toEqual(frames(stream));
  });
});

describe("progress() elsewhere", () => {
  test("writes a line at the start and at each quarter, without control characters", () => {
    const stream = new RecordingStream(false);
    const line = progress(stream);
    for (let i = 0; i <= 50; i++) line.show("drawing", i, 50, `step ${i}`);
    line.clear();
    expect(stream.written).toBe(
      "drawing: 0 %, step 0\ndrawing: 26 %, step 13\ndrawing: 50 %, step 25\n" +
        "drawing: 76 %, step 38\ndrawing: 100 %, step 50\n",
    );
  });
  test("starts again with a new stage, and after clear()", () => {
    const stream = new RecordingStream(false);
    const line = progress(stream);
    line.show("loading", 1, 1);
    line.show("drawing", 1, 4);
    line.clear();
    line.show("drawing", 1, 4);
    expect(stream.written).toBe(
      "loading: 100 %\ndrawing: 25 %\ndrawing: 25 %\n",
    );
  });
  test("writes lines on a terminal that cannot move its cursor", () => {
    vi.stubEnv("TERM", "dumb");
    const stream = new RecordingStream(true);
    progress(stream).show("drawing", 1, 4);
    expect(stream.written).toBe("drawing: 25 %\n");
  });
  test("takes a total of 0 for a stage that has not begun", () => {
    const stream = new RecordingStream(false);
    progress(stream).show("loading", 0, 0);
    expect(stream.written).toBe("loading: 0 %\n");
  });
});

test("progress() writes to standard error unless told otherwise", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  progress().show("drawing", 1, 4);
  expect(write).toHaveBeenCalled();
  write.mockRestore();
});

describe("progress() says how long it takes", () => {
  /** What is shown at each share, two seconds apart unless told otherwise. */
  const shown = (isTTY: boolean, shares: readonly number[], ms = 2000) => {
    const stream = new RecordingStream(isTTY);
    const line = progress(stream);
    for (const share of shares) {
      line.show("drawing", share, 1);
      vi.advanceTimersByTime(ms);
    }
    return stripVTControlCharacters(stream.written);
  };

  test.each([
    [[0, 0.25, 0.5], "4 s left"],
    [[0, 0.01], "4 min left"],
    [[0, 0.0001], "6 h left"],
    [[0.5, 0.75], "2 s left"], // it went on from the middle
  ])("at shares %j: %s", (shares, words) => {
    expect(shown(true, shares).endsWith(`  ${words}`)).toBe(true);
  });

  test("at quarters where there is no terminal", () => {
    expect(shown(false, [0, 0.25])).toContain("drawing: 25 %, 6 s left\n");
  });

  test("not where a stage is short, has just begun, or is done", () => {
    expect(shown(true, [0, 0.7, 0.9], 500)).not.toContain("left");
    expect(shown(true, [0, 0.5], 600)).not.toContain("left");
    expect(shown(true, [0, 1])).not.toContain("left");
  });
});
