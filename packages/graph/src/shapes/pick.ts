// Shape rules of operators that join, cut, repeat or look up values, and their results on known values.

import { intAttribute, intsAttribute } from "../graph.js";
import { elementCount } from "../onnx/tensor.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import {
  axesOf,
  broadcast,
  broadcastData,
  dataLimit,
  indices,
  knownData,
  positiveAxis,
  required,
  strides,
} from "./rule.js";

/** A value whose elements are picked from the input's by `at`, which maps an output index to an offset. */
export function picked(
  input: ValueInfo,
  dims: readonly number[],
  at: (index: readonly number[]) => number,
): ValueInfo {
  const { type, data } = input;
  if (!data || elementCount(dims) > dataLimit) return { type, dims };
  return { type, dims, data: indices(dims).map((index) => data[at(index)]!) };
}

const concat: ShapeRule = (node, inputs) => {
  const parts = inputs.filter((input) => input !== undefined);
  const first = required(inputs, 0);
  const axis = positiveAxis(intAttribute(node, "axis", 0), first.dims.length);
  const dims = first.dims.map((dim, i) =>
    i === axis ? parts.reduce((sum, part) => sum + part.dims[axis]!, 0) : dim,
  );
  for (const part of parts) {
    if (part.dims.some((dim, i) => i !== axis && dim !== dims[i])) {
      throw new Error(
        `[${first.dims}] and [${part.dims}] cannot be joined along axis ${axis}`,
      );
    }
  }
  const isKnown =
    elementCount(dims) <= dataLimit &&
    parts.every((part) => part.data) &&
    (first.dims.length === 1 || parts.length === 1);
  return [
    {
      type: first.type,
      dims,
      ...(isKnown && { data: parts.flatMap((part) => part.data!) }),
    },
  ];
};

const split: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const axis = positiveAxis(intAttribute(node, "axis", 0), input.dims.length);
  const whole = input.dims[axis]!;
  const count = node.outputs.length;
  const even = Math.ceil(whole / count);
  const sizes =
    intsAttribute(node, "split") ??
    (inputs[1]
      ? knownData(inputs, 1)
      : Array.from({ length: count }, (_, i) =>
          Math.min(even, whole - i * even),
        ));
  let start = 0;
  return sizes.map((length) => {
    const from = start;
    start += length;
    const steps = strides(input.dims);
    return picked(
      input,
      input.dims.map((dim, i) => (i === axis ? length : dim)),
      (index) =>
        index.reduce(
          (at, i, ax) => at + steps[ax]! * (ax === axis ? i + from : i),
          0,
        ),
    );
  });
};

const slice: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const starts = intsAttribute(node, "starts") ?? knownData(inputs, 1);
  const ends = intsAttribute(node, "ends") ?? knownData(inputs, 2);
  const axes = axesOf(node, inputs, 3) ?? starts.map((_, i) => i);
  const steps = inputs[4] ? knownData(inputs, 4) : starts.map(() => 1);
  const dims = [...input.dims];
  const begin = dims.map(() => 0);
  const stride = dims.map(() => 1);
  axes.forEach((negativeAxis, i) => {
    const axis = positiveAxis(negativeAxis, dims.length);
    const dim = input.dims[axis]!;
    const step = steps[i]!;
    const clamp = (value: number, low: number, high: number) =>
      Math.min(Math.max(value < 0 ? value + dim : value, low), high);
    const start =
      step > 0 ? clamp(starts[i]!, 0, dim) : clamp(starts[i]!, 0, dim - 1);
    const end =
      step > 0 ? clamp(ends[i]!, 0, dim) : clamp(ends[i]!, -1, dim - 1);
    dims[axis] = Math.max(0, Math.ceil((end - start) / step));
    begin[axis] = start;
    stride[axis] = step;
  });
  const inputSteps = strides(input.dims);
  return [
    picked(input, dims, (index) =>
      index.reduce(
        (at, i, axis) =>
          at + inputSteps[axis]! * (begin[axis]! + i * stride[axis]!),
        0,
      ),
    ),
  ];
};

const gather: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const index = required(inputs, 1);
  const axis = positiveAxis(intAttribute(node, "axis", 0), input.dims.length);
  const dims = [
    ...input.dims.slice(0, axis),
    ...index.dims,
    ...input.dims.slice(axis + 1),
  ];
  if (!index.data) return [{ type: input.type, dims }];
  const steps = strides(input.dims);
  const indexSteps = strides(index.dims);
  return [
    picked(input, dims, (at) => {
      const inner = at.slice(axis, axis + index.dims.length);
      const chosen =
        index.data![inner.reduce((sum, i, k) => sum + i * indexSteps[k]!, 0)]!;
      const full = [
        ...at.slice(0, axis),
        chosen < 0 ? chosen + input.dims[axis]! : chosen,
        ...at.slice(axis + index.dims.length),
      ];
      return full.reduce((sum, i, k) => sum + i * steps[k]!, 0);
    }),
  ];
};

const gatherND: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const index = required(inputs, 1);
  const batch = intAttribute(node, "batch_dims", 0);
  const last = index.dims.at(-1)!;
  return [
    {
      type: input.type,
      dims: [...index.dims.slice(0, -1), ...input.dims.slice(batch + last)],
    },
  ];
};

const gatherElements: ShapeRule = (_, inputs) => [
  { type: required(inputs, 0).type, dims: required(inputs, 1).dims },
];

const expand: ShapeRule = (_, inputs) => {
  const input = required(inputs, 0);
  const dims = broadcast(input.dims, knownData(inputs, 1));
  const isKnown = input.data && elementCount(dims) <= dataLimit;
  return [
    {
      type: input.type,
      dims,
      ...(isKnown && { data: broadcastData(input.data, input.dims, dims) }),
    },
  ];
};

const tile: ShapeRule = (_, inputs) => {
  const input = required(inputs, 0);
  const repeats = knownData(inputs, 1);
  const steps = strides(input.dims);
  return [
    picked(
      input,
      input.dims.map((dim, axis) => dim * repeats[axis]!),
      (index) =>
        index.reduce(
          (at, i, axis) => at + (i % input.dims[axis]!) * steps[axis]!,
          0,
        ),
    ),
  ];
};

const pad: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const pads = intsAttribute(node, "pads") ?? knownData(inputs, 1);
  const rank = input.dims.length;
  const axes = inputs[3]
    ? knownData(inputs, 3)
    : input.dims.map((_, axis) => axis);
  const dims = [...input.dims];
  axes.forEach((axis, i) => {
    dims[positiveAxis(axis, rank)]! += pads[i]! + pads[i + axes.length]!;
  });
  return [{ type: input.type, dims }];
};

/** Shape rules by operator. */
export const pickRules: Record<string, ShapeRule> = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherND: gatherND,
  GatherElements: gatherElements,
  Expand: expand,
  Tile: tile,
  Pad: pad,
};
