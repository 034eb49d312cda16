// From a request to what will run at every step, without a device: what a run does first, and all that a
// description needs.

import type { Graph, Unet, UnetSize } from "@phaseskip/graph";
import { PhaseskipError, fixedBatch } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";
import type { ModelFolder } from "../folder.js";
import type { ModelIndex } from "../model-index.js";
import { loadPlan } from "../model-plans.js";
import type { Plan } from "../plan/plan.js";
import { emptyPlan, planTitle } from "../plan/plan.js";
import type { Schedule } from "../plan/schedule.js";
import { schedulePlan } from "../plan/schedule.js";
import type { NetworkCosts, NetworkName } from "./network-costs.js";
import { networkCosts } from "./network-costs.js";
import type { Request } from "./request.js";
import { imageCount } from "./request.js";
import { sampleSize } from "./sample-size.js";
import type { TextRuns } from "./text-chunks.js";
import { textRuns } from "./text-chunks.js";

/** What planning needs to know of a model. */
export interface PlannableModel {
  /** Where its files are. */
  readonly folder: ModelFolder;
  /** What its `model_index.json` and configurations say. */
  readonly index: ModelIndex;
  /** The Unet as exported, without its weights. */
  readonly unetGraph: Graph;
  /** Tokens of every text, which are padded to one length; undefined without a tokenizer. */
  readonly textTokens: number | undefined;
  /** The Unet at a size. */
  analyse(size: UnetSize): Unet;
  /**
   * Another network's graph, without its weights.
   * @throws {PhaseskipError} If the folder has none
   */
  network(name: NetworkName, signal?: AbortSignal): Promise<Graph>;
  /** What plans know the model by; undefined where there is no SHA-256. */
  digest(signal?: AbortSignal): Promise<string | undefined>;
}

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

/** The part of a request that decides the sizes. */
export type SizeRequest = Pick<
  Request,
  | "prompts"
  | "numImagesPerPrompt"
  | "guidanceScale"
  | "height"
  | "width"
  | "image"
>;

/** At which sizes a run calls the Unet, and with which guidance. */
export interface RunSize {
  /** The Unet at that size. */
  readonly unet: Unet;
  /** The sizes at which the Unet was looked at. */
  readonly size: UnetSize;
  /** Samples of one Unet call, padding included. */
  readonly batch: number;
  /** Unet calls for each context of a step. */
  readonly chunkCount: number;
  /** Guidance weight of the run; 1 is off. */
  readonly guidanceScale: number;
  /** Contexts where no plan turns guidance off: 2 where it mixes two outputs of the Unet. */
  readonly contextCount: 1 | 2;
  /** `[image, channel, height, width]`. */
  readonly shape: readonly [number, number, number, number];
}

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
 * Sizes a request on a model.
 * @throws {RangeError} If the model does not take what is asked for
 */
export function sizeRun(model: PlannableModel, request: SizeRequest): RunSize {
  const { index, unetGraph, textTokens } = model;
  const guidanceScale = index.hasTextEncoder
    ? (request.guidanceScale ?? index.guidanceScale ?? 7.5)
    : 1;
  // such a Unet was trained to do at once what guidance does with two outputs
  const isDistilled = unetGraph.inputs.some(
    ({ name }) => name === "timestep_cond",
  );
  const count = imageCount(request);
  const [height, width] = sampleSize(model.folder, index, unetGraph, request);
  const { inChannels: channels, crossAttentionDim } = index.unetConfig;
  const batch = fixedBatch(unetGraph) ?? count;
  const size: UnetSize = {
    batch,
    channels,
    height,
    width,
    ...(textTokens !== undefined && { tokens: textTokens }),
    ...(crossAttentionDim !== undefined && { textWidth: crossAttentionDim }),
  };
  return {
    unet: model.analyse(size),
    size,
    batch,
    chunkCount: Math.ceil(count / batch),
    guidanceScale,
    contextCount: guidanceScale === 1 || isDistilled ? 1 : 2,
    shape: [count, channels, height, width],
  };
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
  const scheduler = makeScheduler(model.index, request, plan);
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
    warnings: [...warnings, ...schedule.warnings, ...networks.warnings],
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
