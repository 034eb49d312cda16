// A chain of operators with weights, each the same size, as ONNX models that differ only in how the weights lie there.

import {
  AttributeProtoAttributeType,
  TensorProtoDataLocation,
  readAttributeProto,
  readGraphProto,
  readModelProto,
  readNodeProto,
  readOperatorSetIdProto,
  readStringStringEntryProto,
  readTensorProto,
  readTensorShapeProto,
  readTensorShapeProtoDimension,
  readTypeProto,
  readTypeProtoTensor,
  readValueInfoProto,
  writeModelProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import type { NodeProto } from "../../packages/graph/src/onnx/onnx_pb.js";
import { ElementType } from "../../packages/graph/src/onnx/types.js";
import { create, encode } from "../../packages/graph/src/onnx/wire.js";

/** One way to hold weights. */
export interface WeightCase {
  readonly operator: "MatMul" | "Gemm" | "Conv";
  /**
   * `float32`; `float16`, with float16 operators; `cast`: float16 weights behind a Cast to float32; `default input`: the
   * same, and each weight is also an input of the graph, of which it is the default; `default input, casts first`: the
   * same, and all Casts stand before the other nodes.
   */
  readonly form:
    | "float32"
    | "float16"
    | "cast"
    | "default input"
    | "default input, casts first";
  /** Whether the weights lie in an external file. */
  readonly isExternal: boolean;
  /** ONNX Runtime's level of optimisation. */
  readonly level: "disabled" | "basic" | "extended" | "all";
  /** No node at all. @default false */
  readonly isEmpty?: boolean;
}

const nodes = 4;
const channels = { MatMul: 2048, Gemm: 2048, Conv: 640 };
const weightDims = (operator: WeightCase["operator"]) =>
  operator === "Conv" ? [640, 640, 3, 3] : [2048, 2048];

/** A model of four such operators, and what it takes. */
export function weightModel({
  operator,
  form,
  isExternal,
  isEmpty = false,
}: WeightCase) {
  const dims = weightDims(operator);
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const stored = form === "float32" ? ElementType.FLOAT : ElementType.FLOAT16;
  const computed = form === "float16" ? ElementType.FLOAT16 : ElementType.FLOAT;
  const byteLength = elements * (form === "float32" ? 4 : 2);
  const count = isEmpty ? 0 : nodes;
  const names = Array.from({ length: count }, (_, i) => `w${i}`);
  const isDefault = form.startsWith("default input");
  const isCast = form === "cast" || isDefault;
  const inputDims =
    operator === "Conv" ? [1, channels.Conv, 8, 8] : [64, channels[operator]];
  const graph = create(readGraphProto, {
    name: "weights",
    input: [
      valueOf("x", computed, inputDims),
      ...(isDefault ? names.map((name) => valueOf(name, stored, dims)) : []),
    ],
    output: [valueOf(isEmpty ? "x" : "y", computed, inputDims)],
    initializer: names.map((name, i) =>
      create(readTensorProto, {
        name,
        data_type: stored,
        dims,
        ...(isExternal
          ? {
              data_location: TensorProtoDataLocation.EXTERNAL,
              external_data: Object.entries({
                location: "weights",
                offset: String(i * byteLength),
                length: String(byteLength),
              }).map(([key, value]) =>
                create(readStringStringEntryProto, { key, value }),
              ),
            }
          : { raw_data: new Uint8Array(byteLength) }),
      }),
    ),
    node: names.flatMap((name, i) => {
      const from = i === 0 ? "x" : `h${i}`;
      const to = i === count - 1 ? "y" : `h${i + 1}`;
      const weight = isCast ? `${name}:float32` : name;
      const own = node(operator, [from, weight], to, attributesOf(operator));
      return isCast ? [node("Cast", [name], weight, { to: 1 }), own] : [own];
    }),
  });
  if (form === "default input, casts first") {
    const isFirst = ({ op_type }: NodeProto) => op_type === "Cast";
    graph.node.sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)));
  }
  if (isEmpty) graph.output = [valueOf("y", computed, inputDims)];
  if (isEmpty) graph.node = [node("Identity", ["x"], "y", {})];
  const model = create(readModelProto, {
    ir_version: 8,
    opset_import: [create(readOperatorSetIdProto, { domain: "", version: 17 })],
    graph,
  });
  return {
    bytes: encode(writeModelProto, model),
    external:
      isExternal && !isEmpty ? new Uint8Array(byteLength * count) : undefined,
    weightBytes: byteLength * nodes,
    inputDims,
    inputType: computed === ElementType.FLOAT16 ? "float16" : "float32",
  } as const;
}

function attributesOf(
  operator: WeightCase["operator"],
): Record<string, number | number[]> {
  if (operator === "Gemm") return { transB: 1 };
  return operator === "Conv" ? { pads: [1, 1, 1, 1] } : {};
}

function node(
  op_type: string,
  input: string[],
  output: string,
  attributes: Record<string, number | number[]>,
): NodeProto {
  return create(readNodeProto, {
    op_type,
    input,
    output: [output],
    attribute: Object.entries(attributes).map(([name, value]) =>
      create(
        readAttributeProto,
        typeof value === "number"
          ? { name, type: AttributeProtoAttributeType.INT, i: value }
          : { name, type: AttributeProtoAttributeType.INTS, ints: value },
      ),
    ),
  });
}

function valueOf(name: string, elem_type: ElementType, dims: number[]) {
  const shape = create(readTensorShapeProto, {
    dim: dims.map((dim_value) =>
      create(readTensorShapeProtoDimension, { dim_value }),
    ),
  });
  return create(readValueInfoProto, {
    name,
    type: create(readTypeProto, {
      tensor_type: create(readTypeProtoTensor, { elem_type, shape }),
    }),
  });
}
