// Mutations of what a graph says of its weights, constants, inputs and outputs: sizes, types, data, places.

import {
  readStringStringEntryProto,
  readTensorProto,
  readValueInfoProto,
  TensorProtoDataLocation,
  type GraphProto,
  type TensorProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import { clone, create } from "../../packages/graph/src/onnx/wire.js";
import type { Random } from "../random.js";
import { anyValue, sizes, type Mutation } from "./graph-mutation.js";

/** Sizes, types, data and external ranges. */
export const weightMutations: readonly Mutation[] = [
  (graph, random) => mutateTensor(anyTensor(graph, random), random),
  (graph, random) => mutateTensor(anyTensor(graph, random), random),
  (graph, random) => {
    const tensor = anyTensor(graph, random);
    const entry = (key: string, value: string) =>
      create(readStringStringEntryProto, { key, value });
    const numbers = ["0", "-1", "4", "1e9", "9007199254740993", "x", ""];
    tensor.data_location = TensorProtoDataLocation.EXTERNAL;
    tensor.external_data = [
      entry(
        "location",
        random.pick([
          "weights.pb",
          "../x",
          "/etc/x",
          "",
          "a".repeat(5000),
          "%2e%2e/x",
          "unet/../../x",
          "model.onnx",
        ]),
      ),
      entry("offset", random.pick(numbers)),
      entry("length", random.pick(numbers)),
    ].filter(() => random.chance(0.9));
  },
  (graph, random) => {
    // a small constant that shapes are made of
    const dims = random.pick([[], [0], [1], [2], [4], [64]]);
    const count = dims.reduce((product, dim) => product * dim, 1);
    const tensor = create(readTensorProto, {
      name: anyValue(graph, random),
      data_type: 7,
      dims,
      int64_data: Array.from({ length: count }, () => random.pick(sizes)),
    });
    const name = `odd${random.below(1000)}`;
    if (random.chance(0.5)) tensor.name = name;
    graph.initializer.push(tensor);
    const node = random.pick(graph.node);
    node.input[random.below(node.input.length + 1)] = tensor.name;
  },
  (graph, random) => {
    const value = random.pick([
      ...graph.input,
      ...graph.output,
      create(readValueInfoProto, {}),
    ]);
    const type = value.type?.tensor_type;
    if (type) type.elem_type = random.pick([0, 1, 6, 7, 8, 10, 16, 17, 22, 99]);
    for (const dim of type?.shape?.dim ?? [])
      if (random.chance(0.5)) dim.dim_value = random.pick(sizes);
    if (type?.shape && random.chance(0.3))
      type.shape.dim.splice(0, 1 + random.below(3));
    if (type?.shape && random.chance(0.1))
      type.shape.dim.push(
        ...Array.from({ length: 70 }, () => clone(type.shape!.dim[0]!)).filter(
          Boolean,
        ),
      );
  },
];

function anyTensor(graph: GraphProto, random: Random): TensorProto {
  const constants = graph.node.flatMap(({ attribute }) =>
    attribute.flatMap(({ t }) => t ?? []),
  );
  return random.pick([
    ...graph.initializer,
    ...constants,
    create(readTensorProto, {}),
  ]);
}

function mutateTensor(tensor: TensorProto, random: Random): void {
  switch (random.below(5)) {
    case 0:
      tensor.dims = tensor.dims.map((dim) =>
        random.chance(0.5) ? random.pick(sizes) : dim,
      );
      break;
    case 1:
      tensor.dims = Array.from(
        { length: random.pick([0, 1, 5, 70, 3000]) },
        () => random.pick([1, 1, ...sizes]),
      );
      break;
    case 2:
      tensor.data_type = random.pick([
        0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 16, 17, 21, 22, 23, 99,
      ]);
      break;
    case 3:
      if (tensor.raw_data)
        tensor.raw_data = tensor.raw_data.subarray(
          random.below(tensor.raw_data.length),
        );
      break;
    default:
      tensor.int64_data = Array.from({ length: random.below(9) }, () =>
        random.pick(sizes),
      );
  }
}
