// The scheduler of a run. A file of its own in an app, which is fetched while the model is: samplers are many.

import { PhaseskipError } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";
import {
  createScheduler,
  schedulerClassNames,
  schedulerNames,
  timestepsFrom,
} from "@phaseskip/scheduler";
import type { ModelIndex } from "../folder/model-index.js";
import { planTitle, type Plan } from "../plan/plan.js";
import type { Request } from "./request.js";

/**
 * Makes the scheduler that is asked for, or the model's own.
 * @throws {TypeError | RangeError} If it does not take what is asked for
 * @throws {PhaseskipError} `model-unsupported` If the model's own is not known; `plan-invalid` if it does not take the
 * plan's steps
 */
export function makeScheduler(
  { schedulerConfig, pipelineClass }: ModelIndex,
  request: Pick<
    Request,
    "scheduler" | "numInferenceSteps" | "originalInferenceSteps"
  >,
  plan: Plan,
): Scheduler {
  const own = String(schedulerConfig["_class_name"]);
  if (request.scheduler === undefined && !schedulerClassNames.includes(own)) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot sample with the model's own scheduler, ${own}, as it is not known here: choose one of ${schedulerNames.join(", ")}`,
    );
  }
  const { originalInferenceSteps: original } = request;
  const timesteps =
    request.numInferenceSteps === undefined ? plan.steps?.timesteps : undefined;
  const isDistilled = pipelineClass === "LatentConsistencyModelPipeline";
  const numInferenceSteps =
    request.numInferenceSteps ??
    plan.steps?.numInferenceSteps ??
    (isDistilled ? 4 : 50);
  let scheduler: Scheduler;
  try {
    scheduler = createScheduler(
      request.scheduler ?? own,
      {
        ...schedulerConfig,
        ...(original !== undefined && { original_inference_steps: original }),
      },
      timesteps ? { timesteps } : { numInferenceSteps },
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
