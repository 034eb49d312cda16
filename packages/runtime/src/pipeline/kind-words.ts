// What a caller should know of a request that will do less than it seems to ask for. A file of its own in an app, fetched
// where there is something to say.

import type { Scheduler } from "@phaseskip/scheduler";
import type { ModelIndex } from "../folder/model-index.js";
import type { InputPicture } from "../picture/input-picture.js";
import { maskArray } from "../picture/input-picture.js";
import { planTitle, type Plan } from "../plan/plan.js";
import type { Schedule } from "../schedule/scheduled.js";
import type { Request } from "./request.js";
import type { RunSize } from "./run-size.js";

/** Runs of so few steps have no step to take a value from. */
const FEW_STEPS = 4;

/** What of a run that is laid out tells what it will do. */
interface RunOutline extends Pick<
  RunSize,
  "guidanceScale" | "contexts" | "shape"
> {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly scheduler: Scheduler;
  /** The scheduler's step index at the run's first step. */
  readonly startIndex: number;
}

/** Sentences about a run that is laid out; none where all is as it seems. */
export function kindWords(
  { hasTextEncoder }: ModelIndex,
  { negativePrompts, mask }: Pick<Request, "negativePrompts" | "mask">,
  run: RunOutline,
): string[] {
  const { steps } = run.schedule;
  const isGuided = steps.some(({ contexts }) => contexts.length > 1);
  const words: string[] = [];
  if (hasTextEncoder && !isGuided && negativePrompts?.some((one) => one !== ""))
    words.push(
      `the negative prompt has no effect: guidance is off in this run, at guidanceScale ${run.guidanceScale}; it leads away from something only above 1, with a Unet that runs in two contexts`,
    );
  if (mask) words.push(...maskWords(mask, run.shape[2], run.shape[3]));
  words.push(...planWords(run));
  return words;
}

/** Why a mask may not do what was meant. */
function maskWords(
  mask: InputPicture,
  height: number,
  width: number,
): readonly string[] {
  const cells = maskArray(mask, height, width);
  const isNew = cells[0] === 1;
  if (!cells.every((cell) => cell === cells[0])) return [];
  const { data } = mask;
  const shaped =
    data instanceof Uint8ClampedArray &&
    data.some((level, i) => i % 4 === 3 && level !== data[3])
      ? "; its shape is in its alpha, which does not count: paint white what is to be drawn anew, and the rest black"
      : "";
  if (isNew)
    return shaped
      ? [`the mask is light all over: all is drawn anew${shaped}`]
      : [];
  return [
    `the mask is darker than mid-grey all over: nothing is drawn anew, and the picture is the image${shaped}`,
  ];
}

/** Why a plan has nothing to skip. */
function planWords({
  plan,
  schedule: { steps, adaptive },
  scheduler,
  startIndex,
  guidanceScale,
  contexts: all,
}: RunOutline): readonly string[] {
  const rules = plan.rules.length + (plan.guidance?.length ?? 0);
  if (rules === 0 && !plan.priorNoise) return [];
  const count = steps.length;
  if (count <= FEW_STEPS)
    return [
      `there is next to nothing to skip in ${count} ${count === 1 ? "step" : "steps"}: each differs too much from the one before it for ${planTitle(plan)} to save without changing the picture`,
    ];
  const changes = steps.some(
    ({ contexts, priorNoise, deltaAge }) =>
      priorNoise !== 0 ||
      deltaAge !== undefined ||
      contexts.some(
        ({ reused, zeroed, changed }) =>
          reused.size + zeroed.length + changed.size > 0,
      ),
  );
  const isAsAsked = steps.every(({ guidanceScale: scale }) =>
    scale === undefined ? all.length === 1 : scale === guidanceScale,
  );
  if (!changes && !adaptive && isAsAsked)
    return [
      `${planTitle(plan)} changes nothing in this run: there is nothing to skip, as every step computes all that the plan acts on`,
    ];
  const isStochastic = steps.some(({ stepIndex }) =>
    scheduler.needsNoise(startIndex + stepIndex),
  );
  if (isStochastic && changes)
    return [
      `the sampler ${scheduler.name} adds new noise at every step, so that kept values fit badly: there is next to nothing to skip without changing the picture; ddim or dpmpp-2m skip better`,
    ];
  return [];
}
