// From a request to what will run at every step, without a device: what a run does first, and all that a
// description needs.

import type { Scheduler } from "@phaseskip/scheduler";
import type { MeasuredKeep } from "../plan/measured-keep.js";
import type { PlannedRun } from "./planned-run.js";
import type { RunSize } from "./run-size.js";
import { sizeRun, type SizeRequest } from "./run-size.js";
import type { PlannableModel } from "./plannable-model.js";
import { PhaseskipError, fixedBatch, type Unet } from "@phaseskip/graph";

import { classDefaults } from "../folder/class-defaults.js";
import type { ModelIndex } from "../folder/model-index.js";
import { loadPlan } from "../folder/model-plans.js";
import type { Plan } from "../plan/plan.js";
import { emptyPlan, planTitle } from "../plan/plan.js";

import type { ScheduleRequest } from "../schedule/schedule-request.js";
import type { Schedule } from "../schedule/scheduled.js";
import { wholeSchedule } from "../schedule/whole-schedule.js";

import { networkCosts } from "./network-costs.js";
import {
  checkControl,
  controlRules,
  idleNets,
} from "../inputs/control-rules.js";
import type { HandoverRequest } from "../inputs/handover-options.js";
import type { InputRequest } from "../inputs/input-options.js";
import type { Request } from "./request.js";

import { timestepWarnings } from "../unet/timestep-rounding.js";
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
  | keyof SizeRequest
> &
  InputRequest &
  HandoverRequest &
  Partial<Pick<Request, "decisions" | "means" | "vaeTiling">>;

/**
 * Lays a request out on a model.
 * @param mayPair whether both contexts may go through the Unet in one call; they are apart where they are looked into
 * @throws {RangeError} If the model does not take what is asked for
 * @throws {PhaseskipError} `plan-invalid` If the plan cannot run here; `model-unsupported` for an unknown scheduler
 */
export async function planRun(
  model: PlannableModel,
  request: PlanRequest,
  signal?: AbortSignal,
  mayPair = true,
): Promise<PlannedRun> {
  const plan = await readPlan(model, request.plan, signal);
  const warnings = await checkModel(model, plan, signal);
  const { makeScheduler, runTimesteps } = await import("./make-scheduler.js");
  const strength = strengthOf(model.index, request);
  const spread = spreadsSteps(model.index, request) ? strength : undefined;
  const scheduler = await makeScheduler(model.index, request, plan, spread);
  const isSpread = spread !== undefined && scheduler.name === "lcm";
  const sized = sizeRun(model, request);
  const isStart = sized.channels?.isStart ?? true;
  const { startIndex, timesteps } = runTimesteps(
    scheduler,
    isStart && !isSpread && startsFrom(request),
    { ...request, strength },
  );
  const { decisions, means } = request;
  const { controlNets } = model.index;
  checkControl(controlNets, request);
  const schedule = await scheduleRun(sized.unet, {
    plan,
    ...(decisions && { decisions }),
    ...(means && { means }),
    timesteps,
    startIndex,
    gridLength: scheduler.timesteps.length,
    numTrainTimesteps: scheduler.timestepRange[1],
    guidanceScale: sized.guidanceScale,
    contexts: sized.contexts,
    scheduler: scheduler.name,
    added: controlRules(controlNets, request, timesteps.length),
  });
  const fixed = fixedBatch(model.unetGraph);
  const isPaired =
    mayPair && fixed !== undefined && (await pairs(fixed, sized, schedule));
  const rows = isPaired ? sized.batch / 2 : sized.batch;
  const measured = await readMeasured(plan, scheduler, sized.guidanceScale);
  const isLatent = sized.channels?.isSmall === false;
  const networks = await networkCosts(
    model,
    request,
    sized,
    schedule,
    (isStart && (startIndex > 0 || isSpread || !isLatent) ? 1 : 0) +
      (isLatent ? 1 : 0),
    signal,
  );
  const run = {
    ...sized,
    plan,
    scheduler,
    startIndex,
    schedule,
    isPaired,
    rows,
    idleNets: idleNets(controlNets, request),
    chunkCount: Math.ceil(sized.shape[0] / rows),
    textRuns: textRuns(model.index, request, rows, isPaired),
    networks,
    ...(measured && { measured }),
    warnings: [
      ...warnings,
      ...sized.unet.warnings,
      ...timestepWarnings(sized.unet.shapes.get("timestep"), timesteps),
      ...schedule.warnings,
      ...networks.warnings,
    ],
  };
  const isPlain = plan === emptyPlan && !request.mask;
  if (isPlain && !request.negativePrompts) return run;
  const { kindWords } = await import("./kind-words.js");
  const words = kindWords(model.index, request, run);
  return { ...run, warnings: [...run.warnings, ...words] };
}

/** Whether both contexts share calls; what tells is loaded for exports of an even batch. */
async function pairs(
  batch: number,
  { shape }: RunSize,
  schedule: Schedule,
): Promise<boolean> {
  if (batch % 2 !== 0) return false;
  const { pairsContexts } = await import("../inputs/paired-contexts.js");
  return pairsContexts(batch, shape[0], schedule);
}

/** What a plan needs is loaded for those that do something. */
async function scheduleRun(
  unet: Unet,
  request: ScheduleRequest,
): Promise<Schedule> {
  const isWhole = request.plan === emptyPlan && !request.added?.length;
  if (isWhole) return wholeSchedule(unet, request);
  const { schedulePlan } = await import("../schedule/schedule.js");
  return schedulePlan(unet, request);
}

/** What the plan was measured to keep. */
async function readMeasured(
  plan: Plan,
  { name, numInferenceSteps }: Scheduler,
  guidanceScale: number,
): Promise<MeasuredKeep | undefined> {
  if (plan.calibration === undefined) return undefined;
  const { measuredKeep } = await import("../plan/measured-keep.js");
  const run = { scheduler: name, numInferenceSteps, guidanceScale };
  return measuredKeep(plan, run);
}

/** Whether a request starts from a picture, or from another model's sample. */
export function startsFrom({
  image,
  latents,
}: Pick<PlanRequest, "image" | "latents">): boolean {
  return (image ?? latents) !== undefined;
}

/**
 * Whether `lcm` spreads all steps over the part of its schedule that an image leaves, in place of leaving out steps
 * (diffusers 0.42.1, pipelines/latent_consistency_models/pipeline_latent_consistency_img2img.py).
 */
function spreadsSteps(
  { pipelineClass }: Pick<ModelIndex, "pipelineClass">,
  request: Pick<PlanRequest, "image" | "latents" | "mask" | "denoisingStart">,
): boolean {
  const isLcm = pipelineClass === "LatentConsistencyModelPipeline";
  const { mask, denoisingStart } = request;
  return isLcm && startsFrom(request) && !mask && denoisingStart === undefined;
}

/** How far a request leaves its image; what the model's class takes where the request does not say. */
export function strengthOf(
  { pipelineClass }: Pick<ModelIndex, "pipelineClass">,
  request: Pick<Request, "image" | "mask" | "strength"> &
    Partial<Pick<Request, "latents">>,
): number {
  const { strength, image, latents, mask } = request;
  const from = { image: image ?? latents, mask };
  return strength ?? classDefaults(pipelineClass, from).strength;
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
