// Shapes that a file tells of its values: what exporters and shape inference leave in `value_info`.

import type { Graph, GraphValue } from "../graph.js";
import { toValue } from "../load/to-value.js";
import { isShape } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import type { ValueInfo } from "./rule.js";

/**
 * Finds a value's shape in the file; undefined where the file does not tell it, or tells it by names that the
 * inputs do not have.
 *
 * @param inputDims the concrete dimensions of every graph input, which give the names their sizes
 */
export function declaredShapes(
  graph: Graph,
  inputDims: ReadonlyMap<string, readonly number[]>,
): (value: string) => ValueInfo | undefined {
  const sizes = new Map<string, number>();
  for (const { name, dims = [] } of graph.inputs) {
    dims.forEach((dim, axis) => {
      if (typeof dim === "string") sizes.set(dim, inputDims.get(name)![axis]!);
    });
  }
  let values: Map<string, GraphValue> | undefined;
  const all = () => [
    ...(graph.model.graph?.value_info ?? []).map(toValue),
    ...graph.outputs,
  ];
  return (name) => {
    values ??= new Map(all().map((value) => [value.name, value]));
    const { type = ElementType.UNDEFINED, dims } = values.get(name) ?? {};
    const known = dims?.map((dim) =>
      typeof dim === "number" ? dim : sizes.get(dim),
    );
    if (type === ElementType.UNDEFINED || !isWhole(known)) return undefined;
    return { type, dims: known };
  };
}

function isWhole(
  dims: readonly (number | undefined)[] | undefined,
): dims is readonly number[] {
  return dims !== undefined && isShape(dims);
}
