import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesPattern } from "../../src/plan/pattern.js";

describe("matchesPattern()", () => {
  test.each([
    ["mid_block", "mid_block", true],
    ["mid_block", "mid_block.resnets.0", false],
    ["up_blocks.1", "up_blocks.1", true],
    ["up_blocks.1", "up_blocks.10", false],
    ["up_blocks.*", "up_blocks.1", true],
    ["up_blocks.*", "up_blocks.1.resnets.0", false],
    ["up_blocks.*", "up_blocks", false],
    ["*", "conv_in", true],
    ["*.*", "up_blocks.1", true],
    ["down_blocks.*.resnets.0", "down_blocks.2.resnets.0", true],
    ["down_blocks.*.resnets.0", "down_blocks.2.resnets.1", false],
    ["**.attn2", "down_blocks.1.attentions.0.transformer_blocks.0.attn2", true],
    ["**.attn2", "attn2", true],
    ["**.attn2", "mid_block.attn2.to_out.0", false],
    ["**", "mid_block.attentions.0", true],
    ["mid_block.**", "mid_block", true],
    ["mid_block.**", "mid_block.resnets.0.conv1", true],
    ["mid_block.**.conv1", "mid_block.conv1", true],
    ["**.resnets.**.conv1", "up_blocks.0.resnets.1.conv1", true],
    ["**.**", "conv_in", true],
  ])("%s on %s: %s", (pattern, path, matches) => {
    expect(matchesPattern(pattern, path)).toBe(matches);
  });

  test.each([
    ["**.skip", true],
    ["up_blocks.**.skip", true],
    ["up_blocks.2.resnets.0.skip", true],
    ["*.*.*.*.skip", true],
    ["up_blocks.1.**.skip", false],
    ["**", false],
    ["up_blocks.**", false],
    ["up_blocks.2.resnets.0.*", false],
    ["up_blocks.2.resnets.0", false],
  ])("a skip matches only what ends in .skip: %s, %s", (pattern, matches) => {
    expect(matchesPattern(pattern, "up_blocks.2.resnets.0.skip")).toBe(matches);
  });

  const names = fc.constantFrom("a", "b", "resnets", "0", "1");
  const paths = fc.array(names, { minLength: 1, maxLength: 5 });

  test("equals a regular expression of the same meaning", () => {
    const elements = fc.oneof(names, fc.constantFrom("*", "**"));
    const patterns = fc.array(elements, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(patterns, paths, (pattern, path) => {
        const source = pattern.map((element) => {
          if (element === "**") return "(\\.[^.]+)*";
          return element === "*" ? "\\.[^.]+" : `\\.${element}`;
        });
        const wanted = new RegExp(`^${source.join("")}$`);
        const given = `.${path.join(".")}`;
        expect(matchesPattern(pattern.join("."), path.join("."))).toBe(
          wanted.test(given),
        );
      }),
      { seed: 4, numRuns: 2000 },
    );
  });
});
