import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { finalSample } from "./readme-example.js";

test("the README's example is the one that compiles here", () => {
  const read = (path: string) =>
    readFileSync(new URL(path, import.meta.url), "utf8");
  const example = read("../README.md").match(/```ts\n([\s\S]*?)```/)![1]!;
  const lines = example.split("\n").filter((line) => line.trim() !== "");
  const compiled = read("readme-example.ts").split("\n");
  const places = lines.map((line) => compiled.indexOf(line));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

test("the README's example ends with a sample near what the network predicts", () => {
  expect(finalSample).toHaveLength(3 * 32 * 32);
  const mean =
    finalSample.reduce((sum, value) => sum + value, 0) / finalSample.length;
  expect(Math.abs(mean - 0.25)).toBeLessThan(0.01);
});
