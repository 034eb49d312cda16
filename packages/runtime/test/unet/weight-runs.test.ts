// Weights that lie side by side are read at once, and end up where they would alone.

import { loadGraph, type ByteSource } from "@phaseskip/graph";
import { expect, test } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import type { FiledWeight } from "../../src/unet/weight-runs.js";
import { weightRuns } from "../../src/unet/weight-runs.js";
import { fixtureFolder } from "./unet-runs.js";

const weight = (path: string, offset: number, length: number): FiledWeight =>
  ({ path, offset, length }) as FiledWeight;

test("weightRuns() joins what lies side by side in a file, up to a size", () => {
  const runs = weightRuns(
    [
      weight("b", 0, 10),
      weight("a", 110, 50),
      weight("a", 0, 100),
      weight("a", 0, 100),
      weight("a", 10_000, 20),
      weight("a", 10_020, 2000),
    ],
    1000,
  );
  expect(
    runs.map(({ path, offset, length, weights }) => [
      ...[path, offset, length, weights.length],
    ]),
  ).toEqual([
    ["a", 0, 160, 3],
    ["a", 10_000, 20, 1],
    ["a", 10_020, 2000, 1],
    ["b", 0, 10, 1],
  ]);
});

test("loadGraph() reads a graph of hundreds of fields in few pieces", async () => {
  const folder = await openFolder(fixtureFolder("tiny-sd-ts"));
  const file = (await folder.file("unet/model.onnx"))!;
  const read: number[] = [];
  const counting: ByteSource = {
    size: file.size,
    read(offset, length) {
      read.push(length);
      return file.read(offset, length);
    },
  };
  const { nodes } = await loadGraph(counting, "model.onnx");
  expect(nodes.length).toBeGreaterThan(300);
  expect(read.length).toBeLessThan(nodes.length / 10);
  await folder.close();
});
