// What a segment changes inside a node: names that the bodies of an `If` or a loop read, and float16.

import type {
  AttributeProto,
  GraphProto,
  TensorProto,
} from "../onnx/onnx_pb.js";
import { tensorBytes } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import { clone } from "../onnx/wire.js";
import { widenHalf } from "../onnx/widen.js";

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

/** An attribute without float16: in `Cast`'s `to`, in constants, and all through bodies. */
export function widenAttribute(attribute: AttributeProto): AttributeProto {
  const isType = attribute.name === "to" || attribute.name === "dtype";
  const isHalfType = isType && Number(attribute.i) === ElementType.FLOAT16;
  const isHalfTensor = attribute.t?.data_type === ElementType.FLOAT16;
  if (!isHalfType && !isHalfTensor && bodiesOf(attribute).length === 0)
    return attribute;
  const result = clone(attribute);
  if (isHalfType) result.i = ElementType.FLOAT;
  if (result.t) widenTensor(result.t);
  bodiesOf(result).forEach(widenBody);
  return result;
}

function widenBody(body: GraphProto): void {
  for (const node of body.node)
    node.attribute = node.attribute.map(widenAttribute);
  body.initializer.forEach(widenTensor);
  for (const { type } of [...body.input, ...body.output, ...body.value_info]) {
    const tensor = type?.tensor_type;
    if (tensor?.elem_type === ElementType.FLOAT16)
      tensor.elem_type = ElementType.FLOAT;
  }
}

function widenTensor(tensor: TensorProto): void {
  if (tensor.data_type !== ElementType.FLOAT16) return;
  tensor.raw_data = widenHalf(tensorBytes(tensor));
  tensor.int32_data = [];
  tensor.data_type = ElementType.FLOAT;
}
