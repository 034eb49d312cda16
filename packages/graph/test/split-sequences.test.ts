import { expect, test } from "vitest";
import { inferShapes } from "../src/shapes/infer.js";
import { graphOf, integers, op, readModel, value } from "./onnx-model.js";

const x = value("x", [2, 5]);

/** The pieces of x along its last axis, as a graph with one output for each. */
function pieces(lengths: readonly number[], dims?: readonly number[]) {
  const weights = [
    integers("lengths", lengths, dims),
    integers("first", [0], []),
    integers("second", [1], []),
  ];
  const nodes = [
    op("SplitToSequence", ["x", "lengths"], ["parts"], { axis: -1 }),
    op("SequenceAt", ["parts", "first"], ["a"]),
    op("SequenceAt", ["parts", "second"], ["b"]),
  ];
  return readModel(
    graphOf(nodes, [x], [value("a", [2, "A"]), value("b", [2, "B"])], weights),
  );
}

test.each([
  ["pieces of one length, the last one shorter", [3], [], [3, 2]],
  ["pieces of given lengths", [1, 4], [2], [1, 4]],
] as const)("sliceSequences() cuts %s", async (_, lengths, dims, widths) => {
  const graph = await pieces(lengths, dims);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Slice", "Slice"]);
  const shapes = inferShapes(graph, new Map([["x", [2, 5]]]));
  expect(shapes.get("a")!.dims).toEqual([2, widths[0]]);
  expect(shapes.get("b")!.dims).toEqual([2, widths[1]]);
});

test("sliceSequences() leaves a sequence whose lengths are not known", async () => {
  const lengths = value("lengths", [2], 7);
  const nodes = [
    op("SplitToSequence", ["x", "lengths"], ["parts"]),
    op("SequenceAt", ["parts", "at"], ["a"]),
  ];
  const weights = [integers("at", [0], [])];
  const graph = await readModel(
    graphOf(nodes, [x, lengths], [value("a", [2, "A"])], weights),
  );
  expect(graph.nodes[0]!.opType).toBe("SplitToSequence");
});
