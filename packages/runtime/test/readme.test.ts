import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { printed } from "./readme-example.js";

test("the README's example is the one that runs here", () => {
  const read = (path: string) =>
    readFileSync(new URL(path, import.meta.url), "utf8");
  const words = (text: string) => text.replace(/\s+/g, " ");
  const example = read("../README.md").match(/```ts\n([\s\S]*?)```/)![1]!;
  const run = words(read("readme-example.ts"));
  const lines = example.replace("./worker.js", "./wire/pipeline-worker.ts");
  const parts = lines.split(/(?<=;)/).map((part) => words(part).trim());
  expect(parts.filter((part) => !run.includes(part))).toEqual([]);
  expect(parts.length).toBeGreaterThan(6);
});

test("the README's example draws, and leaves work out", () => {
  expect(printed).toEqual([[32, expect.any(Number)]]);
  expect(printed[0]![1]).toBeGreaterThan(0.2);
});
