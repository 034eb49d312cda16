// Operators that optimizers write for a server's GPU, and that ONNX Runtime has no kernel for on a CPU: refused when a
// model is loaded, not when its first session is made.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { Device } from "./device.js";

const groupNorm =
  "optimize it without group norm fusion (--disable_group_norm, --disable_skip_group_norm)";
const layout = "optimize it with channels second (--disable_nhwc_conv)";
const packed = "optimize it without packing (--disable_packed_qkv)";
const plain = "export it without that fusion";

/** Operators of com.microsoft without a CPU kernel in ONNX Runtime 1.30, and what to export instead. */
const gpuOnly: Readonly<Record<string, string>> = {
  GroupNorm: groupNorm,
  SkipGroupNorm: groupNorm,
  NhwcConv: layout,
  NhwcFusedConv: layout,
  PackedAttention: packed,
  PackedMultiHeadAttention: packed,
  BiasAdd: "optimize it with --disable_bias_add",
  BiasSplitGelu: "optimize it with --disable_bias_splitgelu",
  BiasSoftmax: plain,
  FusedMatMulActivation: plain,
};

/**
 * Checks that a device has a kernel for every operator of a graph, where it is known which it lacks.
 * @throws {PhaseskipError} `model-unsupported` If it lacks one: names it, the device and what to export instead
 */
export function checkKernels(
  { nodes }: Pick<Graph, "nodes">,
  { kind }: Pick<Device, "kind">,
  path: string,
): void {
  if (kind === "webgpu") return;
  const node = nodes.find(
    ({ domain, opType }) =>
      domain === "com.microsoft" && gpuOnly[opType] !== undefined,
  );
  if (!node) return;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run ${path} on ${kind} as ONNX Runtime has no kernel for com.microsoft.${node.opType} there: ${node.proto.name || "a node"} is one; ${gpuOnly[node.opType]}`,
  );
}
