// For instruments, such as the command's inspect and bench: the parts of a run, one by one. Not a public
// interface: anything here may change in any release.

// Model folders
export { openFolder } from "./folder/model-folder.js";
export { besideControlNets } from "./folder/beside-control-nets.js";
export type {
  ModelFile,
  ModelFolder,
  OpenFolderOptions,
} from "./folder/model-folder.js";
export type { HubRequest } from "./hub/hub-options.js";
export { loadModelIndex } from "./folder/model-index.js";
export type { ModelIndex, UnetConfig } from "./folder/model-index.js";
export { PartFiles } from "./folder/part-files.js";
export { roleOf } from "./folder/part-name.js";
export { dtypeOf, dtypes } from "./folder/dtype.js";
export { loadTokenizer } from "./text/tokenizer.js";
export type { EncodedText, Tokenizer } from "./text/tokenizer.js";
export { listPlans, loadPlan } from "./folder/model-plans.js";
export {
  isLoaded,
  LISTED_CHUNK_BYTES,
  MANIFEST_PATH,
  parseManifest,
} from "./store/model-manifest.js";
export type { ListedFile, ModelManifest } from "./store/model-manifest.js";

// Plans
export { emptyPlan } from "./plan/plan.js";
export { schedulePlan } from "./schedule/schedule.js";
export type {
  Schedule,
  ScheduledContext,
  ScheduledStep,
} from "./schedule/schedule.js";
export type { ScheduleRequest } from "./schedule/schedule-request.js";
export { planRun } from "./pipeline/plan-run.js";
export { sizeRun } from "./pipeline/run-size.js";
export type { PlannedRun } from "./pipeline/planned-run.js";
export type { RunSize } from "./pipeline/run-size.js";
export type { PlannableModel } from "./pipeline/plannable-model.js";
export { parseRequest } from "./pipeline/request.js";
export { RunCosts } from "./pipeline/costs.js";
export { describeRun } from "./pipeline/plan-description.js";
export { SegmentTimes } from "./unet/segment-times.js";
export { unetDigest } from "./folder/unet-digest.js";

// Devices and runs
export { openDevice } from "./device/session.js";
export type {
  Device,
  DeviceOptions,
  DeviceTensor,
  ExternalFile,
  Session,
  TensorData,
} from "./device/session.js";
export { externalPaths, Weights } from "./unet/weights.js";
export { controlledUnet } from "./networks/control-nets.js";
export { modelInputs } from "./inputs/model-inputs.js";
export type { InputGiven, RunInput } from "./inputs/run-input.js";
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
export type { PlannedForecast } from "./study/forecast-sites.js";
export type {
  ProductsCollector,
  StepProducts,
} from "./study/products-collector.js";
export type { Collector } from "./study/collector.js";
export type { MeansCollector } from "./study/means-collector.js";
export type { KeptValue, RestartPoint } from "./study/restart-point.js";
export type { ChannelMeans } from "./plan/channel-means.js";
