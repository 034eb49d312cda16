// Errors and bytes
export { PhaseskipError, type PhaseskipErrorCode } from "./errors.js";
export { bytesSource, type ByteSource } from "./byte-source.js";

// From a file to a Unet
export { loadGraph } from "./load/load-graph.js";
export { renameInputs } from "./load/rename-inputs.js";
export {
  sourceNotes,
  stripSources,
  type SourceNotes,
} from "./load/strip-sources.js";
export type { Graph, GraphNode, GraphValue, Weight } from "./graph.js";
export type { WeightRange } from "./onnx/read.js";
export {
  ElementType,
  elementName,
  elementSize,
  isFloat,
} from "./onnx/types.js";
export { elementCount, tensorBytes } from "./onnx/tensor.js";
export {
  analyseUnet,
  fixedBatch,
  hasText,
  type Unet,
  type UnetSize,
} from "./unet.js";
export { findInput, textInput, type UnetInput } from "./unet-input.js";
export type { UnruledNode } from "./shapes/infer.js";
export type { ValueInfo } from "./shapes/rule.js";
export {
  Dependency,
  type Dependencies,
  type DependencyBits,
} from "./dependencies.js";
export type { Unit, Units } from "./units/unit.js";
export { residualOwner, residualPath } from "./units/main-input.js";
export type { Edge } from "./units/unit.js";
export type { Skip } from "./units/skips.js";
export { nodeMacs } from "./macs.js";
export { largestValue, networkBytes, networkMacs } from "./network-macs.js";
export {
  heldWeightBytes,
  runningBytes,
  type HeldFloats,
  type RunningNodes,
} from "./cut/running-memory.js";

export { attachControls, type ControlNet } from "./control/attach-controls.js";

// From signatures to segments
export {
  isComputed,
  liveGraph,
  outputChain,
  portChain,
  portKey,
  readsMainInput,
  unitAt,
  type LiveGraph,
  type LiveRoots,
  type Port,
  type PortDecision,
  type PortState,
  type Scale,
} from "./cut/live.js";
export {
  partition,
  type Partition,
  type Segment,
  type SegmentInput,
} from "./cut/partition.js";
export { valuesByRows, type AttentionRows } from "./cut/attention-rows.js";
export {
  segmentModel,
  wholeModel,
  type SegmentModel,
} from "./cut/segment-model.js";
export type { HalfWeights, WeightPlacement } from "./cut/write-weights.js";
export { kernelModel, type Kernel } from "./cut/kernel-model.js";
export { heldType, widenFloats, widenHalf } from "./onnx/widen.js";
