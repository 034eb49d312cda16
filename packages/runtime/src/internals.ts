// For instruments, such as the command's inspect and bench: the parts of a run, one by one. Not a public
// interface: anything here may change in any release.

// Model folders
export { openFolder } from "./model-folder.js";
export type {
  ModelFile,
  ModelFolder,
  OpenFolderOptions,
} from "./model-folder.js";
export { loadModelIndex } from "./model-index.js";
export type { ModelIndex, UnetConfig } from "./model-index.js";
export { loadTokenizer } from "./tokenizer.js";
export type { EncodedText, Tokenizer } from "./tokenizer.js";
export { listPlans, loadPlan } from "./model-plans.js";
export {
  isLoaded,
  LISTED_CHUNK_BYTES,
  MANIFEST_PATH,
  parseManifest,
} from "./model-manifest.js";
export type { ListedFile, ModelManifest } from "./model-manifest.js";

// Plans
export { emptyPlan } from "./plan/plan.js";
export { schedulePlan } from "./plan/schedule.js";
export type {
  Schedule,
  ScheduledContext,
  ScheduledStep,
} from "./plan/schedule.js";
export type { ScheduleRequest } from "./plan/schedule-request.js";
export { planRun, sizeRun } from "./pipeline/plan-run.js";
export type {
  PlannableModel,
  PlannedRun,
  RunSize,
} from "./pipeline/plan-run.js";
export { readGraph } from "./pipeline/network.js";
export { parseRequest } from "./pipeline/request.js";
export { RunCosts } from "./pipeline/costs.js";
export { describeRun } from "./pipeline/plan-description.js";
export { SegmentTimes } from "./segment-times.js";
export { unetDigest } from "./unet-digest.js";

// Devices and runs
export { openDevice } from "./session.js";
export type {
  Device,
  DeviceOptions,
  DeviceTensor,
  ExternalFile,
  Session,
  TensorData,
} from "./session.js";
export { externalPaths, Weights } from "./weights.js";
export { UnetExecutor } from "./unet/executor.js";
export type { UnetStream } from "./unet/stream.js";

// Measurements
export { Study } from "./study/study.js";
export type {
  StudyDraw,
  StudyOptions,
  StudyUnit,
  StudyWindow,
} from "./study/study.js";
export { PlanStudy } from "./study/plan-study.js";
export type {
  PlanOutlook,
  PlanPicture,
  PlanStudyOptions,
} from "./study/plan-study.js";
export type { AdvanceOptions, StudyRun, StudyStep } from "./study/study-run.js";
export { measureChanges } from "./study/measure-changes.js";
export type { ChangeOptions } from "./study/measure-changes.js";
export { formatMeans, parseMeans } from "./study/means-file.js";
export type { MeansCollector } from "./study/means-collector.js";
export type { KeptValue, RestartPoint } from "./study/restart-point.js";
export type { ChannelMeans } from "./plan/channel-means.js";
