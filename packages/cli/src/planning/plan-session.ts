// What the parts of a search for a plan share.

import type { HubArguments } from "../files/hub-options.js";
import type {
  Budget,
  FoundPlan,
  Grid,
  Splits,
  SplitSize,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import type { PlanStudy } from "@phaseskip/runtime/internals";
import type { Calibration } from "./plan-calibration.js";
import type { PlanForecasts } from "./plan-forecasts.js";
import type { PlanJournal } from "./plan-journal.js";
import type { StudyRunner } from "./plan-runner.js";
import type { PlanSweep } from "./plan-sweep.js";
import type { UnetInputArguments } from "../terminal/unet-input-options.js";
import type { PictureProgress } from "./plan-progress.js";

/** The options of `plan`, read. */
export interface PlanArguments extends HubArguments, UnetInputArguments {
  readonly from: readonly string[];
  readonly budget: Budget;
  readonly out: string;
  readonly against?: boolean;
  readonly guidance: "fixed" | "free";
  readonly stepsFree?: boolean;
  readonly prompts?: string;
  readonly search: SplitSize;
  readonly validation: SplitSize;
  readonly test: SplitSize;
  readonly evaluations: number;
  /** Runs of the whole model to fit forecasts on; 0 is none. */
  readonly fit: number;
  readonly minutes?: number;
  readonly salt: string;
  readonly seed: number;
  readonly converged: number;
  readonly backend: "wasm" | "node";
  readonly json?: boolean;
}

/** A plan that was found, tested, and written. */
export interface WrittenPlan {
  readonly path: string;
  readonly found: FoundPlan;
  readonly plan: Plan;
  readonly calibration: Calibration;
  /** Whether guidance could be changed. */
  readonly guidance: "fixed" | "free";
}

/** What a search works with, open. */
export interface PlanSession {
  readonly options: PlanArguments;
  readonly sweep: PlanSweep;
  readonly grid: Grid;
  readonly study: PlanStudy;
  readonly splits: Splits;
  readonly forecasts: PlanForecasts | undefined;
  readonly runner: StudyRunner;
  readonly journal: PlanJournal;
  readonly pictures: PictureProgress;
  readonly model: string;
}
