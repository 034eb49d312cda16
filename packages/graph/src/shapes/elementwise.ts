// Shape rules of operators that work element by element, and their results on known values.

import { intAttribute } from "../graph.js";
import { elementCount, tensorValues } from "../onnx/tensor.js";
import { ElementType, isFloat } from "../onnx/types.js";
import type { ShapeRule, ValueInfo } from "./rule.js";
import {
  broadcast,
  broadcastData,
  dataLimit,
  knownData,
  required,
} from "./rule.js";

type Fold = (...values: number[]) => number;

/** Results as the runtime computes them: floats rounded to their type, integers whole. */
function rounded(type: ElementType, value: number): number {
  if (type === ElementType.FLOAT) return Math.fround(value);
  if (isFloat(type)) return value;
  return type === ElementType.BOOL ? Number(value !== 0) : Math.trunc(value);
}

function elementwise(fold?: Fold, type?: ElementType): ShapeRule {
  return (_, inputs) => {
    const given = inputs.filter((input) => input !== undefined);
    const dims = broadcast(...given.map((input) => input.dims));
    const resultType = type ?? required(inputs, 0).type;
    return [
      { type: resultType, dims, ...folded(fold, resultType, dims, given) },
    ];
  };
}

function folded(
  fold: Fold | undefined,
  type: ElementType,
  dims: readonly number[],
  inputs: readonly ValueInfo[],
): { data?: readonly number[] } {
  if (
    !fold ||
    elementCount(dims) > dataLimit ||
    inputs.some((input) => !input.data)
  )
    return {};
  const columns = inputs.map((input) =>
    broadcastData(input.data!, input.dims, dims),
  );
  const data = Array.from({ length: elementCount(dims) }, (_, i) =>
    rounded(type, fold(...columns.map((column) => column[i]!))),
  );
  return { data };
}

const cast: ShapeRule = (node, inputs) => {
  const input = required(inputs, 0);
  const type: ElementType =
    node.opType === "CastLike"
      ? required(inputs, 1).type
      : intAttribute(node, "to", input.type);
  return [
    { type, dims: input.dims, ...folded((x) => x, type, input.dims, [input]) },
  ];
};

const where: ShapeRule = (_, inputs) => {
  const parts = [0, 1, 2].map((slot) => required(inputs, slot));
  const dims = broadcast(...parts.map((part) => part.dims));
  const type = parts[1]!.type;
  return [
    { type, dims, ...folded((c, a, b) => (c ? a : b), type, dims, parts) },
  ];
};

/** `Clip` takes its bounds as attributes before operator set 11. */
const clip: ShapeRule = (_, inputs) => [withoutData(required(inputs, 0))];

const dropout: ShapeRule = (_, inputs) => {
  const input = required(inputs, 0);
  return [input, { type: ElementType.BOOL, dims: input.dims }];
};

const constantOfShape: ShapeRule = (node, inputs) => {
  const shape = knownData(inputs, 0);
  const tensor = node.attributes.get("value")?.t;
  const value = tensor ? tensorValues(tensor)[0]! : 0;
  const count = elementCount(shape);
  return [
    {
      type: tensor?.data_type ?? ElementType.FLOAT,
      dims: [...shape],
      ...(count <= dataLimit && { data: new Array<number>(count).fill(value) }),
    },
  ];
};

const range: ShapeRule = (_, inputs) => {
  const [start, limit, delta] = [0, 1, 2].map(
    (slot) => knownData(inputs, slot)[0]!,
  ) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const { type } = required(inputs, 0);
  if (!(count <= dataLimit)) return [{ type, dims: [count] }];
  const data = Array.from({ length: count }, (__, i) =>
    rounded(type, start + i * delta),
  );
  return [{ type, dims: [count], data }];
};

/** A result of the shape and type of the first input. */
export const same: ShapeRule = (_, inputs) => [
  withoutData(required(inputs, 0)),
];
const identity: ShapeRule = (_, inputs) => [required(inputs, 0)];

function withoutData({ type, dims }: ValueInfo): ValueInfo {
  return { type, dims };
}

const { BOOL } = ElementType;

/** Rules by operator. */
export const elementwiseRules: Record<string, ShapeRule> = {
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  // integers are truncated towards zero by `rounded`
  Div: elementwise((a, b) => a / b),
  Pow: elementwise((a, b) => a ** b),
  Mod: (node, inputs, opset) =>
    elementwise(
      intAttribute(node, "fmod", 0)
        ? (a, b) => a % b
        : (a, b) => a - b * Math.floor(a / b),
    )(node, inputs, opset),
  Max: elementwise((...values) => Math.max(...values)),
  Min: elementwise((...values) => Math.min(...values)),
  Sum: elementwise((...values) => values.reduce((a, b) => a + b)),
  Mean: elementwise(),
  PRelu: elementwise(),
  Equal: elementwise((a, b) => Number(a === b), BOOL),
  Greater: elementwise((a, b) => Number(a > b), BOOL),
  GreaterOrEqual: elementwise((a, b) => Number(a >= b), BOOL),
  Less: elementwise((a, b) => Number(a < b), BOOL),
  LessOrEqual: elementwise((a, b) => Number(a <= b), BOOL),
  And: elementwise((a, b) => Number(a && b), BOOL),
  Or: elementwise((a, b) => Number(a || b), BOOL),
  Xor: elementwise((a, b) => Number(!a !== !b), BOOL),
  Not: elementwise((a) => Number(!a), BOOL),
  IsNaN: elementwise(undefined, BOOL),
  IsInf: elementwise(undefined, BOOL),
  Neg: elementwise((a) => -a),
  Abs: elementwise(Math.abs),
  Sqrt: elementwise(Math.sqrt),
  Reciprocal: elementwise((a) => 1 / a),
  Floor: elementwise(Math.floor),
  Ceil: elementwise(Math.ceil),
  Sign: elementwise(Math.sign),
  Where: where,
  Cast: cast,
  CastLike: cast,
  Clip: clip,
  Dropout: dropout,
  ConstantOfShape: constantOfShape,
  Range: range,
  Identity: identity,
  ...Object.fromEntries(
    [
      ...[
        "Sigmoid",
        "Tanh",
        "Erf",
        "Exp",
        "Log",
        "Sin",
        "Cos",
        "Tan",
        "Relu",
        "LeakyRelu",
        "Elu",
      ],
      ...[
        "Selu",
        "Celu",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Swish",
        "Mish",
        "Softplus",
        "Softsign",
      ],
      ...[
        "Round",
        "Softmax",
        "LogSoftmax",
        "ThresholdedRelu",
        "Trilu",
        "CumSum",
      ],
      ...["LpNormalization", "LRN", "InstanceNormalization"],
      ...["GroupNormalization", "RMSNormalization", "RotaryEmbedding"],
    ].map((operator) => [operator, same]),
  ),
};
