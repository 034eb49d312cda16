// Shape rules of the operators that slide a window over a feature map: convolutions and pools.

import type { GraphNode } from "../graph.js";
import { intAttribute, intsAttribute, stringAttribute } from "../graph.js";
import { ElementType } from "../onnx/types.js";
import type { ShapeRule } from "./rule.js";
import { required } from "./rule.js";

interface Window {
  readonly kernel: readonly number[];
  readonly steps: readonly number[];
  readonly spread: readonly number[];
  readonly pads: readonly number[];
}

function windowOf(node: GraphNode, kernel: readonly number[]): Window {
  const fill = (value: number) => kernel.map(() => value);
  return {
    kernel,
    steps: intsAttribute(node, "strides") ?? fill(1),
    spread: intsAttribute(node, "dilations") ?? fill(1),
    pads: intsAttribute(node, "pads") ?? [...fill(0), ...fill(0)],
  };
}

/** Sizes after a window has slid over `spatial`. */
function slid(
  node: GraphNode,
  spatial: readonly number[],
  window: Window,
): number[] {
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  const round = intAttribute(node, "ceil_mode", 0) ? Math.ceil : Math.floor;
  return spatial.map((size, i) => {
    const step = window.steps[i]!;
    if (automatic.startsWith("SAME")) return Math.ceil(size / step);
    const padding =
      automatic === "VALID"
        ? 0
        : window.pads[i]! + window.pads[i + spatial.length]!;
    return (
      round(
        (size + padding - window.spread[i]! * (window.kernel[i]! - 1) - 1) /
          step,
      ) + 1
    );
  });
}

/** The shape of a convolution's result, channels second. */
export function convolved(
  node: GraphNode,
  input: readonly number[],
  weight: readonly number[],
): number[] {
  const group = intAttribute(node, "group", 1);
  if (input[1] !== weight[1]! * group) {
    throw new Error(
      `a convolution of ${weight[1]! * group} channels cannot take [${input}]`,
    );
  }
  const spatial = slid(node, input.slice(2), windowOf(node, weight.slice(2)));
  return [input[0]!, weight[0]!, ...spatial];
}

/** A convolution; what it adds or applies beside does not change its shape. */
export const conv: ShapeRule = (node, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims: convolved(node, dims, required(inputs, 1).dims) }];
};

/** A shape with its channels second, where they are last. */
export function channelsSecond(dims: readonly number[]): number[] {
  return [dims[0]!, dims.at(-1)!, ...dims.slice(1, -1)];
}

/** A shape with its channels last, where they are second. */
export function channelsLast(dims: readonly number[]): number[] {
  return [dims[0]!, ...dims.slice(2), dims[1]!];
}

const convTranspose: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const weight = required(inputs, 1);
  const spatial = input.dims.slice(2);
  const { kernel, steps, spread, pads } = windowOf(node, weight.dims.slice(2));
  const extra = intsAttribute(node, "output_padding") ?? spatial.map(() => 0);
  const isSame = stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME");
  const sizes =
    intsAttribute(node, "output_shape") ??
    spatial.map((size, i) => {
      if (isSame) return size * steps[i]!;
      const padding = pads[i]! + pads[i + spatial.length]!;
      return (
        steps[i]! * (size - 1) +
        extra[i]! +
        spread[i]! * (kernel[i]! - 1) +
        1 -
        padding
      );
    });
  const channels = weight.dims[1]! * intAttribute(node, "group", 1);
  return [{ type: input.type, dims: [input.dims[0]!, channels, ...sizes] }];
};

/** The shape of a pool's result, channels second. */
export function pooled(node: GraphNode, dims: readonly number[]): number[] {
  const kernel = intsAttribute(node, "kernel_shape");
  if (!kernel) throw new Error("it has no kernel_shape");
  const spatial = slid(node, dims.slice(2), windowOf(node, kernel));
  return [...dims.slice(0, 2), ...spatial];
}

const pool: ShapeRule = (node, inputs) => {
  const { type, dims: input } = required(inputs, 0);
  const dims = pooled(node, input);
  return [
    { type, dims },
    { type: ElementType.INT64, dims },
  ];
};

/** The shape of a pool over the whole of every channel, channels second. */
export function pooledWhole(dims: readonly number[]): number[] {
  return dims.map((dim, axis) => (axis < 2 ? dim : 1));
}

const globalPool: ShapeRule = (_, inputs) => {
  const { type, dims } = required(inputs, 0);
  return [{ type, dims: pooledWhole(dims) }];
};

/** Rules by operator. */
export const windowRules: Record<string, ShapeRule> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  AveragePool: pool,
  MaxPool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
};
