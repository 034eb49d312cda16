// What a network's numbers are kept in, as its file's name says it, or its graph.

import type { Graph } from "@phaseskip/graph";
import { ElementType } from "@phaseskip/graph";

/** The dtypes by which an app picks a file, as transformers.js calls them. */
export const dtypes = [
  ...["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"],
] as const;

/** What a network's numbers are kept in: float32, float16, eight bits, four bits, four bits with float16 between them. */
export type Dtype = (typeof dtypes)[number];

/** How exporters end a file's name, by dtype; the first is the usual one. */
export const suffixes: Readonly<Record<string, readonly string[]>> = {
  fp32: ["", "_fp32"],
  fp16: ["_fp16", "_f16"],
  q8: ["_quantized"],
  int8: ["_int8"],
  uint8: ["_uint8"],
  q4f16: ["_q4f16"],
  q4: ["_q4"],
  bnb4: ["_bnb4"],
};

/** Words in files' names. */
const words: Readonly<Record<string, string>> = {
  ...Object.fromEntries(dtypes.map((dtype) => [dtype, dtype])),
  ...{ float32: "fp32", f32: "fp32", float16: "fp16", f16: "fp16" },
  ...{ half: "fp16", quantized: "q8", int4: "q4" },
};

/** Eight bits are eight bits: what stands in for a dtype that the folder lacks. */
const kin: Readonly<Record<string, readonly string[]>> = {
  q8: ["int8", "uint8"],
  int8: ["q8"],
  uint8: ["q8"],
};

/** The names that a dtype goes by, its own first. */
export function kinOf(dtype: string): readonly string[] {
  return [dtype, ...(kin[dtype] ?? [])];
}

/** The dtype that a file's name tells; undefined where it tells none, as `model.onnx` does. */
export function namedDtype(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const word = name.split(/[-_. ]/).find((part) => words[part]);
  return word && words[word];
}

/** The dtypes in the order in which a device does best with them. */
export function bestDtypes(hasHalf: boolean): readonly string[] {
  const whole = hasHalf ? ["fp16", "fp32"] : ["fp32", "fp16"];
  const fours = hasHalf ? ["q4f16", "q4"] : ["q4", "q4f16"];
  return [...whole, "q8", "uint8", "int8", ...fours, "bnb4"];
}

/** The dtype of a graph's weights. */
export function dtypeOf({ nodes, weights }: Graph): string {
  const has = (...operators: string[]) =>
    nodes.some(({ opType }) => operators.includes(opType));
  const bytes = (type: ElementType) =>
    [...weights.values()].reduce(
      (sum, one) => sum + (one.type === type ? one.byteLength : 0),
      0,
    );
  const isHalf = bytes(ElementType.FLOAT16) > bytes(ElementType.FLOAT);
  if (has("MatMulNBits", "GatherBlockQuantized"))
    return isHalf ? "q4f16" : "q4";
  if (has("MatMulBnb4")) return "bnb4";
  const isQuantized = nodes.some(({ opType }) =>
    /^(DequantizeLinear|QLinear|MatMulInteger|ConvInteger)/.test(opType),
  );
  if (isQuantized) {
    const { INT8, UINT8 } = ElementType;
    return bytes(INT8) >= bytes(UINT8) ? "int8" : "uint8";
  }
  return isHalf ? "fp16" : "fp32";
}

/** @throws {TypeError} If it is no dtype */
export function checkDtype(dtype: unknown): void {
  if (dtype === undefined || (dtypes as readonly unknown[]).includes(dtype))
    return;
  throw new TypeError(
    `Cannot load a model as dtype must be one of ${dtypes.join(", ")}: current value is ${JSON.stringify(dtype)}`,
  );
}
