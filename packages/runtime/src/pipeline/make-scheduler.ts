// The scheduler of a run. A file of its own in an app, which is fetched while the model is: samplers are many.

import { PhaseskipError } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";
import {
  loadScheduler,
  schedulerClassNames,
  schedulerNameOf,
  schedulerNames,
  schedulerOptions,
  timestepsFrom,
} from "@phaseskip/scheduler";
import type { ModelIndex } from "../folder/model-index.js";
import { planTitle, type Plan } from "../plan/plan.js";
import type { Request } from "./request.js";

/**
 * Makes the scheduler that is asked for, or the model's own, with the options that are asked for.
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
): Promise<Scheduler> {
  const { name: asked, ...given } =
    typeof request.scheduler === "string"
      ? { name: request.scheduler }
      : (request.scheduler ?? {});
  const said = schedulerConfig["_class_name"];
  const own = typeof said === "string" ? said : "";
  if (asked === undefined && !schedulerClassNames.includes(own)) {
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

/** The whole schedule, or its last part where an image is the start. */
export function runTimesteps(
  scheduler: Scheduler,
  {
    image,
    mask,
    strength = mask ? 1 : 0.8,
  }: Pick<Request, "image" | "mask" | "strength">,
) {
  if (!image) return { startIndex: 0, timesteps: scheduler.timesteps };
  const part = timestepsFrom(scheduler, strength);
  if (part.timesteps.length > 0) return part;
  throw new RangeError(
    `Cannot generate an image as strength must leave at least one of ${scheduler.numInferenceSteps} steps: current value is ${strength}`,
  );
}
