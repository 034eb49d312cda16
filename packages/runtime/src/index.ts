// Pipelines
export { loadPipeline } from "./load-pipeline.js";
export type {
  BitmapStep,
  CallOptions,
  Generated,
  LoadOptions,
  Pipeline,
} from "./pipeline.js";
export type { DenoiseOptions, GenerateOptions } from "./pipeline/request.js";
export type { RunStep } from "./pipeline/run.js";
export type { Picture } from "./pipeline/picture.js";
export type { InputPicture } from "./pipeline/input-picture.js";
export type { ContextReport, Report, StepReport } from "./pipeline/report.js";
export type { PipelineMacs } from "./pipeline/network-costs.js";
export type { FolderEvent, FolderProgress } from "./folder.js";
export type { DeviceKind } from "./session.js";
export type { WorkerLike } from "./web-endpoint.js";
export type { SchedulerName } from "@phaseskip/scheduler";

// Plans
export { describePlan } from "./describe-plan.js";
export type { DescribeOptions } from "./describe-plan.js";
export type {
  ContextDescription,
  PlanDescription,
  StepDescription,
} from "./pipeline/plan-description.js";
export type { AdaptiveDecision } from "./plan/adaptive-decision.js";
export type { ChannelMeans } from "./plan/channel-means.js";
export type { ChangedBy } from "./plan/scheduled.js";
export type {
  Action,
  AdaptiveAction,
  BypassAction,
  Context,
  ExtrapolateAction,
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
  ZeroAction,
} from "./plan/plan.js";

// Errors
export { PhaseskipError, type PhaseskipErrorCode } from "@phaseskip/graph";

// Cached weights
export { deleteModel, listModels } from "./weight-cache.js";
export type { CachedModel } from "./weight-cache.js";
