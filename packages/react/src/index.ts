export { usePipeline } from "./use-pipeline.js";
export type { PipelineState } from "./use-pipeline.js";
export { useGenerate } from "./use-generate.js";
export type { Drawing, DrawOptions, GenerateState } from "./use-generate.js";
