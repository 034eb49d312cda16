import { expect, test } from "vitest";
import { sliceProjections } from "../src/load/split-projections.js";
import { readNodeProto } from "../src/onnx/onnx_pb.js";
import { valuesTensor } from "../src/onnx/tensor.js";
import { ElementType } from "../src/onnx/types.js";
import { create } from "../src/onnx/wire.js";

test("a named Split becomes slices of which no two have its name", () => {
  const product = { op_type: "MatMul", input: ["x", "w"], output: ["qkv"] };
  const split = { name: "Split_1", op_type: "Split", input: ["qkv", "sizes"] };
  const nodes = [product, { ...split, output: ["q", "k", "v"] }].map((node) =>
    create(readNodeProto, node),
  );
  const sizes = valuesTensor("sizes", ElementType.INT64, [3], [8, 8, 8]);
  const sliced = sliceProjections(nodes, [sizes]);
  expect(sliced.filter(({ op_type }) => op_type === "Slice")).toHaveLength(3);
  const names = sliced.map(({ name }) => name).filter((name) => name !== "");
  expect(new Set(names).size).toBe(names.length);
});
