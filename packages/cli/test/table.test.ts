import fc from "fast-check";
import stringWidth from "string-width";
import { afterEach, describe, expect, test, vi } from "vitest";
import { formatTable, truncate } from "../src/terminal/table.js";
import { RecordingStream } from "./terminal.js";

const pipe = new RecordingStream(false);
const columns = [
  { title: "prompt" },
  { title: "ms", align: "right" },
  { title: "SSIM", align: "right" },
] as const;

afterEach(() => vi.unstubAllEnvs());

describe("formatTable()", () => {
  test("aligns words left and numbers right, with a rule below the headings and above the footer", () => {
    const rows = [
      ["a red boat", "812", "0.981"],
      ["a house", "1204", "0.9"],
    ];
    expect(
      formatTable(columns, rows, {
        stream: pipe,
        footer: [["all", "2016", "0.94"]],
      }),
    ).toBe(
      [
        "prompt        ms   SSIM",
        "──────────  ────  ─────",
        "a red boat   812  0.981",
        "a house     1204    0.9",
        "──────────  ────  ─────",
        "all         2016   0.94",
        "",
      ].join("\n"),
    );
  });
  test("cuts the widest words, never the numbers, to stay within 80 columns", () => {
    const lines = formatTable(
      columns,
      [["a house ".repeat(30), "123456", "0.5"]],
      { stream: pipe },
    ).split("\n");
    expect(lines.map((line) => stringWidth(line))).toEqual([80, 80, 80, 0]);
    expect(lines[2]).toMatch(/^a house a .*… {2}123456 {3}0\.5$/);
  });
  test("honours another width", () => {
    const table = formatTable(
      columns,
      [["a house with a red roof", "1", "1"]],
      { stream: pipe, width: 30 },
    );
    expect(
      Math.max(...table.split("\n").map((line) => stringWidth(line))),
    ).toBe(30);
  });
  test("keeps any text within 80 columns, wide letters included", () => {
    const anyCell = fc.string({ unit: "grapheme", maxLength: 120 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyCell, fc.constant("12"), fc.constant("0.5"))),
        (rows) => {
          for (const line of formatTable(columns, rows, { stream: pipe }).split(
            "\n",
          )) {
            expect(stringWidth(line)).toBeLessThanOrEqual(80);
          }
        },
      ),
    );
  });
  test("aligns letters of double width by what they take", () => {
    const [, , wide, narrow] = formatTable(
      columns,
      [
        ["赤い舟", "1", "1"],
        ["boat", "1", "1"],
      ],
      { stream: pipe },
    ).split("\n");
    expect(stringWidth(wide!)).toBe(stringWidth(narrow!));
  });
  test("turns line breaks in a cell into spaces", () => {
    expect(
      formatTable([{ title: "a" }], [["b\n  c"]], { stream: pipe }),
    ).toContain("b c\n");
  });
  test("is bold only on a terminal that wants colour", () => {
    vi.stubEnv("TERM", "xterm-256color");
    vi.stubEnv("CI", undefined); // there Node knows fewer colours
    vi.stubEnv("FORCE_COLOR", undefined);
    vi.stubEnv("NO_COLOR", undefined);
    const terminal = new RecordingStream(true);
    const draw = (stream: RecordingStream) =>
      formatTable([{ title: "a" }], [["b"]], { stream });
    expect(draw(terminal)).toContain("\x1b[1ma\x1b[22m");
    expect(draw(pipe)).not.toContain("\x1b");
    vi.stubEnv("NO_COLOR", "1");
    expect(draw(terminal)).not.toContain("\x1b");
  });
  test("throws TypeError when a row has another number of cells", () => {
    expect(() => formatTable(columns, [["a"]], { stream: pipe })).toThrow(
      "Cannot lay out a table as each row must have 3 cells: current number is 1",
    );
  });
});

test("truncate() cuts by terminal columns and never inside a letter", () => {
  expect(truncate("a boat", 6)).toBe("a boat");
  expect(truncate("a boats", 6)).toBe("a boa…");
  expect(truncate("a boat", 3)).toBe("a…");
  expect(truncate("赤い舟", 4)).toBe("赤…");
  expect(truncate("👩‍👩‍👧👩‍👩‍👧", 3)).toBe("👩‍👩‍👧…");
});
