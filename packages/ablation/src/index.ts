// What is measured
export {
  cellKey,
  cellRules,
  formatRows,
  parseRows,
  rowKey,
  windowName,
} from "./cells/cells.js";
export type {
  ActionFamily,
  Cell,
  CellAction,
  CellEffect,
  CellMacs,
  CellRefresh,
  CellRow,
  ConvergedRow,
  EmergenceRow,
  EndEffect,
  FloorRow,
  ReferenceRow,
  ResponseEffect,
  ResponseRow,
  SweepRow,
} from "./cells/cells.js";
export { convergedSampler, leastAgreement } from "./sweep/converged.js";
export { equalBins, sweepWindows, windowKinds } from "./cells/windows.js";
export type { Bin, Window, WindowKind } from "./cells/windows.js";

// Files
export { differenceOf, parseManifest, shardName } from "./cells/manifest.js";
export type {
  MeasuredUnit,
  Pair,
  Shard,
  SweepIdentity,
  SweepManifest,
  SweepSettings,
  UnitKind,
} from "./cells/manifest.js";
export { formatEntry, parseJournal } from "./sweep/journal.js";
export type { JournalEntry, JournalText } from "./sweep/journal.js";

export { mergeShards } from "./sweep/merge.js";
export type { MergeOptions, SweepShard } from "./sweep/merge.js";

// Layout
export {
  actionNames,
  actionsOf,
  defaultUnits,
  unitsOf,
  findTargets,
} from "./cells/targets.js";
export type { CellKind, Target } from "./cells/targets.js";
export {
  countCalls,
  itemCalls,
  layOutWork,
  rowsOf,
  shardItems,
} from "./cells/work.js";
export type { CallCount, Response, WorkItem } from "./cells/work.js";
export { normaliseCells, responseAt } from "./sweep/response.js";
export type { ResponsePoint } from "./sweep/response.js";
export { layOutSweep } from "./cells/lay-out.js";
export type { SweepLayout } from "./cells/lay-out.js";

// Running
export { runSweep } from "./sweep/sweep.js";
export type {
  SweepProgress,
  SweepRequest,
  SweepTotals,
} from "./sweep/sweep.js";
export { defaultPrompts } from "./cells/default-prompts.js";
export { pictureName } from "./cells/picture-name.js";

// Findings
export { findPhases } from "./phases/phases.js";
export type {
  Courses,
  PhaseBoundary,
  PhaseFinding,
  PhaseOptions,
} from "./phases/phases.js";
export { findSweepPhases, leastBinsForPhases } from "./phases/sweep-phases.js";
export type {
  RunTime,
  SweepBoundary,
  SweepPhases,
} from "./phases/sweep-phases.js";
export { rankUnits, rankingAgreement } from "./phases/rankings.js";
export type { RankedUnit, RankingChoice } from "./phases/rankings.js";

// Report
export { actionName } from "./report/cell-summary.js";
export type { CellSummary } from "./report/cell-summary.js";
export { reportCsv } from "./report/report-csv.js";
export { reportData } from "./report/report-data.js";
export type { SweepResults } from "./report/sweep-results.js";
export type {
  ActionSummary,
  GainPoint,
  ReportData,
} from "./report/report-data.js";
export { heatmap } from "./report/heatmap.js";
export type { MapKind } from "./report/heatmap.js";
export { hatch, reportPage } from "./report/page.js";
export type { PageParts } from "./report/page.js";

// Forecasts
export { layOutSteps } from "./forecast/computed-steps.js";
export type {
  StepsLayout,
  StepsQuestion,
  StretchLoss,
} from "./forecast/computed-steps.js";
export { stretchLoss } from "./forecast/stretch-loss.js";
export { fitForecast } from "./forecast/fit-forecast.js";
export type {
  FittedForecast,
  ForecastStep,
  InnerProducts,
} from "./forecast/fit-forecast.js";
export {
  fitSites,
  fittedPlan,
  forecastTemplate,
} from "./forecast/fitted-plan.js";
export type { FittedSite, ForecastSite } from "./forecast/fitted-plan.js";

// Planner
export { formatBudget, parseBudget } from "./planner/budget.js";
export type { Budget } from "./planner/budget.js";
export { defaultPlanPrompts } from "./planner/default-plan-prompts.js";
export {
  changeKey,
  describeChange,
  draftPlan,
  without,
  withChange,
} from "./planner/draft.js";
export { finalists } from "./planner/choice.js";
export type { FoundPlan } from "./planner/choice.js";
export type {
  Change,
  Draft,
  Grid,
  GuidanceChange,
  StepsChange,
  UnitChange,
} from "./planner/draft.js";
export type { Goal } from "./planner/greedy.js";
export { nameOf } from "./planner/greedy.js";
export type {
  Contestant,
  PlanRunner,
  Quality,
  SplitName,
  VerifiedPlan,
} from "./planner/plan-runner.js";
export { searchPlans } from "./planner/planner.js";
export type { PlannerRequest, PlannerResult } from "./planner/planner.js";
export { Predictor } from "./planner/predictor.js";
export type { StretchModel } from "./planner/predictor.js";
export type { FragilePair } from "./planner/fragile-pairs.js";
export { drawTest, layOutSplits, shuffled } from "./planner/splits.js";
export type {
  Draw,
  DrawGroups,
  SplitRequest,
  SplitSize,
  Splits,
} from "./planner/splits.js";
export {
  lowerBound,
  otherPicture,
  standings,
  summarise,
  tieMargin,
} from "./planner/standing.js";
export type { SplitSummary, Standing, Verdict } from "./planner/standing.js";
