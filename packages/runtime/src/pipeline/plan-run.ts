// From a request to what will run at every step, without a device: what a run does first, and all that a
// description needs.

import { sizeRun, type SizeRequest, type RunSize } from "./run-size.js";
import type { PlannableModel } from "./plannable-model.js";
import { PhaseskipError } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";

import { loadPlan } from "../folder/model-plans.js";
import type { Plan } from "../plan/plan.js";
import { emptyPlan, planTitle } from "../plan/plan.js";
import type { Schedule } from "../schedule/schedule.js";
import { schedulePlan } from "../schedule/schedule.js";
import type { NetworkCosts } from "./network-costs.js";
import { networkCosts } from "./network-costs.js";
import type { Request } from "./request.js";

import { timestepWarnings } from "./timestep-rounding.js";
import type { TextRuns } from "./text-chunks.js";
import { textRuns } from "./text-chunks.js";

/** The part of a request that decides what runs. */
export type PlanRequest = Pick<
  Request,
  | "plan"
  | "scheduler"
  | "numInferenceSteps"
  | "originalInferenceSteps"
  | "strength"
  | "mask"
  | "negativePrompts"
  | keyof SizeRequest
> &
  Partial<Pick<Request, "decisions" | "means">>;

/** A run before its first step. */
export interface PlannedRun extends RunSize {
  /** The plan, parsed. */
  readonly plan: Plan;
  /** The sampler, at the run's number of steps. */
  readonly scheduler: Scheduler;
  /** The scheduler's step index at the run's first step: above 0 where an image is the start. */
  readonly startIndex: number;
  /** What runs at every step. */
  readonly schedule: Schedule;
  /** How often what depends on the text alone is computed. */
  readonly textRuns: TextRuns;
  /** What the networks beside the Unet cost. */
  readonly networks: NetworkCosts;
  /** What the caller should know before it runs, in sentences. */
  readonly warnings: readonly string[];
}

/**
 * Lays a request out on a model.
 * @throws {RangeError} If the model does not take what is asked for
 * @throws {PhaseskipError} `plan-invalid` If the plan cannot run here; `model-unsupported` for an unknown scheduler
 */
export async function planRun(
  model: PlannableModel,
  request: PlanRequest,
  signal?: AbortSignal,
): Promise<PlannedRun> {
  const plan = await readPlan(model, request.plan, signal);
  const warnings = await checkModel(model, plan, signal);
  const { makeScheduler, runTimesteps } = await import("./make-scheduler.js");
  const scheduler = await makeScheduler(model.index, request, plan);
  const sized = sizeRun(model, request);
  const { startIndex, timesteps } = runTimesteps(scheduler, request);
  const { decisions, means } = request;
  const schedule = schedulePlan(sized.unet, {
    plan,
    ...(decisions && { decisions }),
    ...(means && { means }),
    timesteps,
    numTrainTimesteps: scheduler.numTrainTimesteps,
    guidanceScale: sized.guidanceScale,
    isGuided: sized.contextCount === 2,
    scheduler: scheduler.name,
  });
  const networks = await networkCosts(model, request, sized, schedule, signal);
  return {
    ...sized,
    plan,
    scheduler,
    startIndex,
    schedule,
    textRuns: textRuns(model.index, request, sized.batch),
    networks,
    warnings: [
      ...warnings,
      ...timestepWarnings(sized.unet.shapes.get("timestep"), timesteps),
      ...schedule.warnings,
      ...networks.warnings,
    ],
  };
}

/** A plan that the model ships, under its file's name if it has none; or the plan given, its form checked. */
async function readPlan(
  { folder }: PlannableModel,
  given: string | Plan,
  signal?: AbortSignal,
): Promise<Plan> {
  if (given === "none") return emptyPlan;
  const { parsePlan } = await import("../plan/parse-plan.js");
  if (typeof given !== "string") return parsePlan(given);
  return { name: given, ...parsePlan(await loadPlan(folder, given, signal)) };
}

/**
 * What to warn of, where it cannot be known whether a plan was made for the model.
 * @throws {PhaseskipError} `plan-invalid` If it was made for another one
 */
async function checkModel(
  model: PlannableModel,
  plan: Plan,
  signal?: AbortSignal,
): Promise<string[]> {
  const { model: wanted } = plan;
  if (!wanted) return [];
  const found = await model.digest(signal);
  if (found === wanted.unet) return [];
  if (found === undefined) {
    return [
      "whether the plan was made for this model is not checked: SHA-256 needs a secure context",
    ];
  }
  throw new PhaseskipError(
    "plan-invalid",
    `Cannot run ${planTitle(plan)} as it was made for another model, whose Unet is ${wanted.unet}: that of ${model.folder.location} is ${found}`,
  );
}
