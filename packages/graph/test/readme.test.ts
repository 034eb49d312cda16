import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { models, printed } from "./readme-example.js";

test("the README's example is the one that compiles here", () => {
  const read = (path: string) =>
    readFileSync(new URL(path, import.meta.url), "utf8");
  const example = read("../README.md").match(/```ts\n([\s\S]*?)```/)![1]!;
  const lines = example.split("\n").filter((line) => line.trim() !== "");
  const compiled = read("readme-example.ts").split("\n");
  expect(lines.filter((line) => !compiled.includes(line))).toEqual([]);
});

test("the README's example ends with the models of its segments", () => {
  expect(printed[0]).toContain("up_blocks.1.resnets.0.skip");
  expect(models).toHaveLength(5);
  for (const { bytes } of models) expect(bytes.length).toBeGreaterThan(100);
});
