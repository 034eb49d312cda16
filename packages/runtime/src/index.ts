// Pipelines
export { loadPipeline } from "./load-pipeline.js";
export {
  PipelineShares,
  type PipelineShare,
  type SharedLoad,
} from "./pipeline-shares.js";
export type {
  BitmapStep,
  CallOptions,
  Generated,
  LoadOptions,
  Pipeline,
} from "./pipeline.js";
export type {
  DenoiseOptions,
  GenerateOptions,
  SchedulerChoice,
} from "./pipeline/request.js";
export type { Embeddings, TextOptions } from "./prompt/text-options.js";
export type { HandoverOptions } from "./inputs/handover-options.js";
export type { InputOptions } from "./inputs/input-options.js";
export type { ControlOptions } from "./inputs/control-options.js";
export type { PromptStyle } from "./text/text-windows.js";
export type { QualityName } from "./plan/quality.js";
export type { ModelTakes, TakenOption } from "./pipeline/model-takes.js";
export type { RunStep } from "./pipeline/run.js";
export type { Lora } from "./lora/model-loras.js";
export type { Picture } from "./picture/picture.js";
export type { InputPicture } from "./picture/input-picture.js";
export type { ContextReport, Report, StepReport } from "./pipeline/report.js";
export type { MeasuredKeep } from "./plan/measured-keep.js";
export type { PipelineMacs } from "./pipeline/network-costs.js";
export type { FolderEvent, FolderProgress } from "./download/load-progress.js";
export type { Dtype } from "./folder/dtype.js";
export type { UnetInputs } from "./folder/input-names.js";
export type { UnetConstants } from "./inputs/constants.js";
export type { HubOptions, HubTemplate } from "./hub/hub-options.js";
export type { DeviceKind } from "./device/session.js";
export type { WorkerLike } from "./wire/web-endpoint.js";
export type { SchedulerName } from "@phaseskip/scheduler";

// Plans
export { describePlan } from "./describe-plan.js";
export type { DescribeOptions } from "./describe-plan.js";
export type {
  ContextDescription,
  PlanDescription,
  StepDescription,
} from "./pipeline/plan-description.js";
export type { AdaptiveDecision } from "./schedule/adaptive-decision.js";
export type { ChannelMeans } from "./plan/channel-means.js";
export type { ChangedBy } from "./schedule/scheduled-context.js";
export type {
  Action,
  AdaptiveAction,
  BypassAction,
  Context,
  BasisForecast,
  ExtrapolateAction,
  Forecast,
  ForecastAction,
  ForecastBasis,
  GuidanceRule,
  MeanAction,
  Phase,
  Plan,
  PlanConditions,
  PriorNoise,
  Refresh,
  ReuseAction,
  Rule,
  RunAction,
  ScaleAction,
  TableForecast,
  ZeroAction,
} from "./plan/plan.js";

// Errors
export { PhaseskipError, type PhaseskipErrorCode } from "@phaseskip/graph";

// Cached weights
export { deleteModel, listModels } from "./store/weight-cache.js";
export type { CachedModel } from "./store/weight-cache.js";
