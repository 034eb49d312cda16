// A model folder as instruments see it: its Unet's graph at one input size, without running it.

import {
  analyseUnet,
  fixedBatch,
  hasText,
  loadGraph,
  PhaseskipError,
  type Graph,
  type Unet,
  type UnetSize,
} from "@phaseskip/graph";
import type { Plan } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import {
  emptyPlan,
  loadModelIndex,
  loadPlan,
  loadTokenizer,
  openFolder,
  sampleSize,
  schedulePlan,
  type ModelFolder,
  type ModelIndex,
  type Schedule,
} from "@phaseskip/runtime/internals";
import { createScheduler, type Scheduler } from "@phaseskip/scheduler";

/** What is known of a model without running it. */
export interface ModelInspection {
  readonly folder: ModelFolder;
  readonly index: ModelIndex;
  readonly graph: Graph;
  /** The Unet for one sample a call, or as many as its export is fixed to. */
  readonly unet: Unet;
  /** The sizes at which it was looked at. */
  readonly size: UnetSize;
  /** What it is fed, `[batch, channel, height, width]`. */
  readonly sampleShape: readonly [number, number, number, number];
  /** Guidance weight of a run by default; 1 without a text. */
  readonly guidanceScale: number;
}

/** A plan on a model, at the model's own settings. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly schedule: Schedule;
}

/**
 * Reads a model's configuration and its Unet's graph; no weights, no ONNX Runtime. The folder stays open: the caller
 * closes it.
 * @param location path or URL of the model folder
 * @throws {PhaseskipError} If the folder cannot be read, or holds no Unet that is known here.
 */
export async function inspectModel(
  location: string,
  signal?: AbortSignal,
): Promise<ModelInspection> {
  const folder = await openFolder(location, {
    cache: false,
    ...(signal && { signal }),
  });
  try {
    const index = await loadModelIndex(folder, signal);
    const file = await folder.file("unet/model.onnx", signal);
    if (!file) {
      throw new PhaseskipError(
        "model-invalid",
        `Cannot load the model at ${folder.location} as it has no unet/model.onnx`,
      );
    }
    const graph = await loadGraph(file, "unet/model.onnx");
    const { unetConfig } = index;
    const [height, width] = sampleSize(folder, index, graph);
    const batch = fixedBatch(graph) ?? 1;
    const textWidth = unetConfig.crossAttentionDim;
    const tokens = hasText(graph)
      ? await textLength(folder, index, signal)
      : undefined;
    const size: UnetSize = {
      batch,
      channels: unetConfig.inChannels,
      height,
      width,
      ...(tokens !== undefined && { tokens }),
      ...(textWidth !== undefined && { textWidth }),
    };
    const unet = analyseUnet(graph, size);
    const sampleShape = [batch, unetConfig.inChannels, height, width] as const;
    const guidanceScale = index.hasTextEncoder
      ? (index.guidanceScale ?? 7.5)
      : 1;
    return { folder, index, graph, unet, size, sampleShape, guidanceScale };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/**
 * Works out what a plan does on a model, with the scheduler, the steps and the guidance of a run that sets none.
 * @param given a name that the model ships, `none`, or a plan
 * @throws {PhaseskipError} `plan-invalid` If it is no plan, or none for this model.
 */
export async function planRun(
  { folder, index, unet, guidanceScale }: ModelInspection,
  given: string | Plan,
  signal?: AbortSignal,
): Promise<PlannedRun> {
  const plan =
    typeof given !== "string"
      ? given
      : given === "none"
        ? emptyPlan
        : { name: given, ...parsePlan(await loadPlan(folder, given, signal)) };
  const { schedulerConfig } = index;
  const { timesteps, numInferenceSteps = 50 } = plan.steps ?? {};
  const scheduler = createScheduler(
    String(schedulerConfig["_class_name"]),
    schedulerConfig,
    timesteps ? { timesteps } : { numInferenceSteps },
  );
  const schedule = schedulePlan(unet, {
    plan,
    timesteps: scheduler.timesteps,
    numTrainTimesteps: scheduler.numTrainTimesteps,
    guidanceScale,
    scheduler: scheduler.name,
  });
  return { plan, scheduler, schedule };
}

/** Tokens of every prompt, which are padded to one length; undefined without a tokenizer. */
async function textLength(
  folder: ModelFolder,
  { hasTextEncoder }: ModelIndex,
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (!hasTextEncoder) return undefined;
  return (await loadTokenizer(folder, "tokenizer", signal)).encode("").ids
    .length;
}
