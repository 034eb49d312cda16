// What an app asks of a pipeline, checked once.

import type { SchedulerName } from "@phaseskip/scheduler";
import type { Plan } from "../plan/plan.js";

/** What to draw. */
export interface GenerateOptions {
  /** The text; needed by models that take one, refused by others. */
  readonly prompt?: string;
  /** What guidance leads away from. @default "" */
  readonly negativePrompt?: string;
  /** Image i has a generator of its own, seeded `seed + i`. An integer from 0. @default 0 */
  readonly seed?: number;
  /** Images to draw, in one batch. @default 1 */
  readonly numImagesPerPrompt?: number;
  /** Sampling steps. @default the plan's, else 50 */
  readonly numInferenceSteps?: number;
  /** A scheduler by its short name, made from the model's own configuration. @default the model's */
  readonly scheduler?: SchedulerName;
  /** Guidance weight: `uncond + s·(cond − uncond)`; 1 is off. @default the model's, else 7.5 for text, 1 without */
  readonly guidanceScale?: number;
  /** Opting in: `"none"`, the name of a plan that the model ships, or a plan. @default "none" */
  readonly plan?: string | Plan;
  /** Noise of unit variance to start from, `[image, channel, height, width]`. @default drawn from the seeds */
  readonly initNoise?: Float32Array;
}

/** Options of a run that hands out its steps. */
export interface DenoiseOptions extends GenerateOptions {
  /** Every so many steps, and at the last, the step carries a preview. @default 0, none */
  readonly preview?: number;
}

/** A request that is known to be well formed; what the model decides is still open. */
export interface Request extends Required<
  Pick<GenerateOptions, "seed" | "numImagesPerPrompt">
> {
  readonly prompt: string | undefined;
  readonly negativePrompt: string | undefined;
  readonly numInferenceSteps: number | undefined;
  readonly scheduler: string | undefined;
  readonly guidanceScale: number | undefined;
  readonly plan: string | Plan;
  readonly initNoise: Float32Array | undefined;
  readonly preview: number;
}

/**
 * Checks what a caller asks for.
 *
 * @param doing what is being attempted, for messages
 * @throws {TypeError} If a field has the wrong type or is unknown
 * @throws {RangeError} If a value is out of range
 */
export function parseRequest(
  options: DenoiseOptions,
  doing = "generate an image",
): Request {
  const fail = (
    name: string,
    wanted: string,
    value: unknown,
    Kind: ErrorConstructor = TypeError,
  ) => {
    const shown =
      typeof value === "string" ? JSON.stringify(value) : describe(value);
    return new Kind(
      `Cannot ${doing} as ${name} must be ${wanted}: current value is ${shown}`,
    );
  };
  if (typeof options !== "object" || options === null) {
    throw fail("the options", "an object", options);
  }
  const known = new Set<string>(fields);
  for (const name in options) {
    if (!known.has(name)) {
      throw new TypeError(
        `Cannot ${doing} as ${name} is no option; known are ${fields.join(", ")}`,
      );
    }
  }
  const text = (name: "prompt" | "negativePrompt" | "scheduler") => {
    const value: unknown = options[name];
    if (value === undefined || typeof value === "string") return value;
    throw fail(name, "a string", value);
  };
  const integer = (
    name: "seed" | "numImagesPerPrompt" | "numInferenceSteps" | "preview",
    low: number,
  ) => {
    const value: unknown = options[name];
    if (value === undefined) return undefined;
    if (typeof value !== "number") throw fail(name, "a number", value);
    if (Number.isSafeInteger(value) && value >= low) return value;
    throw fail(name, `an integer of at least ${low}`, value, RangeError);
  };
  const { guidanceScale, plan = "none", initNoise } = options;
  if (guidanceScale !== undefined && typeof guidanceScale !== "number") {
    throw fail("guidanceScale", "a number", guidanceScale);
  }
  if (
    guidanceScale !== undefined &&
    !(guidanceScale >= 0 && guidanceScale < Infinity)
  ) {
    throw fail(
      "guidanceScale",
      "a finite number of at least 0",
      guidanceScale,
      RangeError,
    );
  }
  if (typeof plan !== "string" && (typeof plan !== "object" || plan === null)) {
    throw fail("plan", "a plan's name or a plan", plan);
  }
  if (initNoise !== undefined && !(initNoise instanceof Float32Array)) {
    throw fail("initNoise", "a Float32Array", initNoise);
  }
  return {
    prompt: text("prompt"),
    negativePrompt: text("negativePrompt"),
    seed: integer("seed", 0) ?? 0,
    numImagesPerPrompt: integer("numImagesPerPrompt", 1) ?? 1,
    numInferenceSteps: integer("numInferenceSteps", 1),
    scheduler: text("scheduler"),
    guidanceScale,
    plan,
    initNoise,
    preview: integer("preview", 0) ?? 0,
  };
}

const fields = [
  ...[
    "prompt",
    "negativePrompt",
    "seed",
    "numImagesPerPrompt",
    "numInferenceSteps",
    "scheduler",
  ],
  ...["guidanceScale", "plan", "initNoise", "preview"],
];

type ErrorConstructor = new (message: string) => Error;

function describe(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean")
    return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
