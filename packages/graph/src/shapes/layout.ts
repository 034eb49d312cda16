// Shape rules of operators that keep all elements and move them, and their results on known values.

import { intAttribute, intsAttribute } from "../graph.js";
import { elementCount } from "../onnx/tensor.js";
import { ElementType } from "../onnx/types.js";
import { picked } from "./pick.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import { axesOf, knownData, positiveAxis, required, strides } from "./rule.js";

const { INT64 } = ElementType;

/** A value of another shape with the same elements in the same order. */
function reshaped(input: ValueInfo, dims: readonly number[]): ValueInfo {
  if (elementCount(dims) !== elementCount(input.dims)) {
    throw new Error(`[${input.dims}] cannot become [${dims}]`);
  }
  return { ...input, dims };
}

const shape: ShapeRule = (node, inputs) => {
  const { dims } = required(inputs, 0);
  const bound = (axis: number) =>
    Math.min(Math.max(axis < 0 ? axis + dims.length : axis, 0), dims.length);
  const data = dims.slice(
    bound(intAttribute(node, "start", 0)),
    bound(intAttribute(node, "end", dims.length)),
  );
  return [{ type: INT64, dims: [data.length], data }];
};

const size: ShapeRule = (_, inputs) => [
  { type: INT64, dims: [], data: [elementCount(required(inputs, 0).dims)] },
];

const reshape: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const wanted = knownData(inputs, 1);
  const keepsZero = intAttribute(node, "allowzero", 0) === 1;
  const dims = wanted.map((dim, axis) =>
    dim === 0 && !keepsZero ? input.dims[axis]! : dim,
  );
  const open = dims.indexOf(-1);
  if (open >= 0) {
    dims[open] = 1;
    dims[open] = elementCount(input.dims) / elementCount(dims);
  }
  return [reshaped(input, dims)];
};

const flatten: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const axis = positiveAxis(intAttribute(node, "axis", 1), input.dims.length);
  return [
    reshaped(input, [
      elementCount(input.dims.slice(0, axis)),
      elementCount(input.dims.slice(axis)),
    ]),
  ];
};

const transpose: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const order =
    intsAttribute(node, "perm") ??
    input.dims.map((_, axis) => input.dims.length - 1 - axis);
  const steps = strides(input.dims);
  return [
    picked(
      input,
      order.map((axis) => input.dims[axis]!),
      (index) =>
        order.reduce((at, axis, i) => at + steps[axis]! * index[i]!, 0),
    ),
  ];
};

const squeeze: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const axes = axesOf(node, inputs, 1)?.map((axis) =>
    positiveAxis(axis, input.dims.length),
  );
  const isDropped = (dim: number, axis: number) =>
    axes ? axes.includes(axis) : dim === 1;
  return [
    reshaped(
      input,
      input.dims.filter((dim, axis) => !isDropped(dim, axis)),
    ),
  ];
};

const unsqueeze: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const axes = axesOf(node, inputs, 1);
  if (!axes) throw new Error("it has no axes");
  const rank = input.dims.length + axes.length;
  const inserted = new Set(axes.map((axis) => positiveAxis(axis, rank)));
  const rest = [...input.dims];
  return [
    reshaped(
      input,
      Array.from({ length: rank }, (_, axis) =>
        inserted.has(axis) ? 1 : rest.shift()!,
      ),
    ),
  ];
};

const like: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims }];
};

const depthToSpace: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const block = intAttribute(node, "blocksize", 1);
  const [n, c, h, w] = dims as [number, number, number, number];
  return [{ type, dims: [n, c / block ** 2, h * block, w * block] }];
};

const spaceToDepth: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  const block = intAttribute(node, "blocksize", 1);
  const [n, c, h, w] = dims as [number, number, number, number];
  return [{ type, dims: [n, c * block ** 2, h / block, w / block] }];
};

/** Rules by operator. */
export const layoutRules: Record<string, ShapeRule> = {
  Shape: shape,
  Size: size,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  ScatterND: like,
  ScatterElements: like,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
