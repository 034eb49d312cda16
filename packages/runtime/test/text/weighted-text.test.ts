import { describe, expect, test } from "vitest";
import { weightedText } from "../../src/text/weighted-text.js";

/** As pairs. */
const pairs = (prompt: string) =>
  weightedText(prompt).map(({ text, weight }) => [text, weight]);

describe("weightedText()", () => {
  // The examples of parse_prompt_attention in diffusers 0.42.1, examples/community/lpw_stable_diffusion.py.
  test.each<[string, (string | number)[][]]>([
    ["normal text", [["normal text", 1]]],
    [
      "an (important) word",
      [
        ["an ", 1],
        ["important", 1.1],
        [" word", 1],
      ],
    ],
    ["(unbalanced", [["unbalanced", 1.1]]],
    ["\\(literal\\]", [["(literal]", 1]]],
    ["(unnecessary)(parens)", [["unnecessaryparens", 1.1]]],
    [
      "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
      [
        ["a ", 1],
        ["house", 1.5730000000000004],
        [" ", 1.1],
        ["on", 1],
        [" a ", 1.1],
        ["hill", 0.55],
        [", sun, ", 1.1],
        ["sky", 1.4641000000000006],
        [".", 1.1],
      ],
    ],
  ])("reads %s", (prompt, expected) => {
    expect(pairs(prompt)).toEqual(expected);
  });

  test("leaves text without brackets as it is, also none", () => {
    expect(pairs("at 10:30, a: b")).toEqual([["at 10:30, a: b", 1]]);
    expect(pairs("a back\\slash")).toEqual([["a backslash", 1]]);
    expect(pairs("")).toEqual([]);
  });
});
