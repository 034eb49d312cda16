// From what a file declares of a value to what is read of it.

import type { GraphValue } from "../graph.js";
import type { ValueInfoProto } from "../onnx/onnx_pb.js";
import { ElementType } from "../onnx/types.js";

/** A declared value; an open dimension without a name is called after the value and its axis. */
export function toValue(value: ValueInfoProto): GraphValue {
  const type = value.type?.tensor_type;
  return {
    name: value.name,
    type: type?.elem_type ?? ElementType.UNDEFINED,
    dims: type?.shape?.dim.map(({ dim_value, dim_param }, i) =>
      dim_value >= 0 ? Number(dim_value) : dim_param || `${value.name}_${i}`,
    ),
  };
}
