// What a segment changes inside a node: names that the bodies of an `If` or a loop read, and narrow floats.

import type {
  AttributeProto,
  GraphProto,
  TensorProto,
} from "../onnx/onnx_pb.js";
import { tensorBytes } from "../onnx/tensor.js";
import { clone } from "../onnx/wire.js";
import { heldType, widenFloats } from "../onnx/widen.js";

const bodiesOf = ({ g, graphs }: AttributeProto): readonly GraphProto[] =>
  g ? [g] : graphs;

/**
 * An attribute whose bodies read values of the graph around them by other names.
 *
 * @param names the new names by the old ones
 */
export function renameCaptured(
  attribute: AttributeProto,
  names: ReadonlyMap<string, string>,
): AttributeProto {
  if (bodiesOf(attribute).length === 0) return attribute;
  const result = clone(attribute);
  const rename = (value: string): string => names.get(value) ?? value;
  const renameBody = (body: GraphProto): void => {
    for (const output of body.output) output.name = rename(output.name);
    for (const node of body.node) {
      node.input = node.input.map(rename);
      for (const inner of node.attribute) bodiesOf(inner).forEach(renameBody);
    }
  };
  bodiesOf(result).forEach(renameBody);
  return result;
}

/**
 * An attribute without the float types that a device lacks: in `Cast`'s `to`, in constants, and all through bodies.
 *
 * @param hasHalf whether the device computes in float16
 */
export function widenAttribute(
  attribute: AttributeProto,
  hasHalf: boolean,
): AttributeProto {
  const isType = ["to", "dtype", "output_dtype"].includes(attribute.name);
  const type = Number(attribute.i);
  const held = isType ? heldType(type, hasHalf) : type;
  const tensor = attribute.t;
  const isWideTensor =
    tensor && heldType(tensor.data_type, hasHalf) !== tensor.data_type;
  const isChanged = held !== type || isWideTensor;
  if (!isChanged && bodiesOf(attribute).length === 0) return attribute;
  const result = clone(attribute);
  if (held !== type) result.i = held;
  if (result.t) widenTensor(result.t, hasHalf);
  for (const body of bodiesOf(result)) widenBody(body, hasHalf);
  return result;
}

function widenBody(body: GraphProto, hasHalf: boolean): void {
  for (const node of body.node)
    node.attribute = node.attribute.map((one) => widenAttribute(one, hasHalf));
  for (const tensor of body.initializer) widenTensor(tensor, hasHalf);
  for (const { type } of [...body.input, ...body.output, ...body.value_info]) {
    const tensor = type?.tensor_type;
    if (tensor) tensor.elem_type = heldType(tensor.elem_type, hasHalf);
  }
}

function widenTensor(tensor: TensorProto, hasHalf: boolean): void {
  const { data_type } = tensor;
  const held = heldType(data_type, hasHalf);
  if (held === data_type) return;
  tensor.raw_data = widenFloats(data_type, tensorBytes(tensor));
  tensor.int32_data = [];
  tensor.data_type = held;
}
