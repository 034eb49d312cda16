// The scheduler of a run. A file of its own in an app, which is fetched while the model is: samplers are many.

import { PhaseskipError } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";
import {
  findSchedulerName,
  loadScheduler,
  schedulerNameOf,
  schedulerNames,
  schedulerOptions,
  stepsBefore,
  timestepsAfter,
  timestepsFrom,
} from "@phaseskip/scheduler";
import type { ModelIndex } from "../folder/model-index.js";
import { planTitle, type Plan } from "../plan/plan.js";
import type { Request } from "./request.js";

/**
 * Makes the scheduler that is asked for, or the model's own, with the options that are asked for.
 * @param spread the part of the schedule that `lcm` spreads its steps over, above 0 and at most 1
 * @throws {TypeError | RangeError} If it does not take what is asked for
 * @throws {PhaseskipError} `model-unsupported` If the model's own is not known; `plan-invalid` if it does not take the
 * plan's steps
 */
export async function makeScheduler(
  { schedulerConfig, pipelineClass, preconditioning }: ModelIndex,
  request: Pick<
    Request,
    "scheduler" | "numInferenceSteps" | "originalInferenceSteps"
  >,
  plan: Plan,
  spread = 1,
): Promise<Scheduler> {
  const { name: asked, ...given } =
    typeof request.scheduler === "string"
      ? { name: request.scheduler }
      : (request.scheduler ?? {});
  const said = schedulerConfig["_class_name"];
  const own = typeof said === "string" ? said : "";
  if (asked === undefined && !findSchedulerName(own)) {
    const reason =
      own === ""
        ? "as neither the model nor the call names a scheduler"
        : `with the model's own scheduler, ${own}, as it is not known here`;
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot sample ${reason}: choose one of ${schedulerNames.join(", ")}`,
    );
  }
  const { originalInferenceSteps: original } = request;
  const timesteps =
    request.numInferenceSteps === undefined ? plan.steps?.timesteps : undefined;
  const isDistilled = pipelineClass === "LatentConsistencyModelPipeline";
  const isConsistency = /^(consistency|CMStochasticIterativeScheduler)$/.test(
    asked ?? own,
  );
  const numInferenceSteps =
    request.numInferenceSteps ??
    plan.steps?.numInferenceSteps ??
    (isDistilled ? 4 : isConsistency ? 1 : 50);
  let scheduler: Scheduler;
  try {
    const name = schedulerNameOf(asked ?? own);
    const { eta, ...options } = schedulerOptions(name, given);
    scheduler = await loadScheduler(
      name,
      {
        ...withoutDefaults(schedulerConfig, Object.keys(options)),
        ...(original !== undefined && { original_inference_steps: original }),
        ...options,
      },
      {
        ...(timesteps ? { timesteps } : { numInferenceSteps }),
        preconditioning,
        ...(eta !== undefined && { eta: eta as number }),
        ...(spread < 1 && name === "lcm" && { strength: spread }),
      },
    );
  } catch (cause) {
    const isPlans = request.numInferenceSteps === undefined && plan.steps;
    if (!isPlans || !(cause instanceof RangeError)) throw cause;
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run ${planTitle(plan)} as its steps must suit the scheduler: ${cause.message}`,
      { cause },
    );
  }
  if (original !== undefined && scheduler.name !== "lcm") {
    throw new TypeError(
      `Cannot generate an image as originalInferenceSteps is for the scheduler lcm: current scheduler is ${scheduler.name}`,
    );
  }
  return scheduler;
}

/** A configuration whose `_use_default_values` no longer hide what is given in a call. */
function withoutDefaults(
  config: ModelIndex["schedulerConfig"],
  given: readonly string[],
): ModelIndex["schedulerConfig"] {
  const hidden = config["_use_default_values"];
  if (!Array.isArray(hidden)) return config;
  const kept = hidden.filter((key) => !given.includes(String(key)));
  return { ...config, _use_default_values: kept };
}

/** The steps of a run on a sampler's grid. */
export interface RunTimesteps {
  /** Steps of the grid before the run. */
  readonly startIndex: number;
  /** What the Unet is handed at each step. */
  readonly timesteps: readonly number[];
}

/**
 * The whole schedule, or its part between where an image enters and where another model goes on.
 * @param isStart whether the run starts from an image or from another model's sample
 * @throws {RangeError} If nothing is left of it
 */
export function runTimesteps(
  scheduler: Scheduler,
  isStart: boolean,
  {
    strength,
    denoisingStart,
    denoisingEnd,
  }: { readonly strength: number } & Pick<
    Request,
    "denoisingStart" | "denoisingEnd"
  >,
): RunTimesteps {
  const part = !isStart
    ? { startIndex: 0, timesteps: scheduler.timesteps }
    : denoisingStart === undefined
      ? timestepsFrom(scheduler, strength)
      : timestepsAfter(scheduler, denoisingStart);
  const none = (option: string, value: number) => {
    const grid = `${scheduler.numInferenceSteps} steps`;
    return new RangeError(
      `Cannot generate an image as ${option} must leave at least one of ${grid}: current value is ${value}`,
    );
  };
  if (part.timesteps.length === 0)
    throw denoisingStart === undefined
      ? none("strength", strength)
      : none("denoisingStart", denoisingStart);
  if (denoisingEnd === undefined) return part;
  const count = stepsBefore(scheduler, part.timesteps, denoisingEnd);
  if (count === 0) throw none("denoisingEnd", denoisingEnd);
  return { ...part, timesteps: part.timesteps.slice(0, count) };
}
