// What a quantised model's numbers mean for its speed.

import { ElementType, type Graph } from "@phaseskip/graph";

// A call's time in parts of float32's, as docs/exports.md has measured it.
const signedTime = 4.7;
const unsignedTime = 0.66;

/**
 * One sentence for a model whose quantisation is slow on WASM; else none. ONNX Runtime 1.30 has fast kernels for matrix
 * products with signed weights and for convolutions with unsigned ones, but none for convolutions with signed weights.
 */
export function speedNotes({ nodes, weights }: Graph): string[] {
  const signed = nodes.filter(
    ({ opType, inputs }) =>
      opType === "ConvInteger" &&
      weights.get(inputs[1] ?? "")?.type === ElementType.INT8,
  );
  if (signed.length === 0) return [];
  return [
    `${signed.length} convolutions take dynamic int8 with signed weights, with which a Unet took ${signedTime} times float32's time on WASM; with unsigned weights it took ${unsignedTime} times: quantize_dynamic(..., weight_type=QuantType.QUInt8)`,
  ];
}
