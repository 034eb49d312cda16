// Makes a Scheduler out of what is particular to one sampler: checks what goes into each call,
// counts the steps, freezes the result.

import { quotient, scaled, weightedSum } from "../float32.js";
import type { NoiseGenerator } from "../noise/generator.js";
import type { NoiseLevel } from "./prediction.js";
import type {
  PredictionType,
  Scheduler,
  SchedulerState,
  StepInput,
  StepOutput,
} from "../scheduler.js";

/** What is particular to one sampler. */
export interface SchedulerParts {
  /** In words, for error messages, such as `DDIM scheduler`. */
  readonly title: string;
  /** Short name. */
  readonly name: string;
  /** The loop list. */
  readonly timesteps: readonly number[];
  /** Steps asked for. @default the length of `timesteps` */
  readonly numInferenceSteps?: number;
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
  /** Timesteps that no run goes beyond. @default 0 and those of the training */
  readonly timestepRange?: readonly [least: number, most: number];
  /** Entries of the timesteps that one step takes. @default 1 */
  readonly order?: number;
  /** Standard deviation of the first sample. @default 1 */
  readonly initNoiseSigma?: number;
  /** What the network predicts. */
  readonly predictionType: PredictionType;
  /** Product of the alphas up to each training timestep. */
  readonly alphasCumprod: readonly number[];
  /** Noise levels, where the sampler has such. */
  readonly sigmas?: readonly number[];
  /** Whether the network's output also holds a variance. @default false */
  readonly hasLearnedVariance?: boolean;
  /** Divisor of the network's input at a step index. @default 1 */
  readonly inputScale?: (stepIndex: number) => number;
  /** Factor of the network's input in place of a divisor. @default 1 */
  readonly inputFactor?: (stepIndex: number) => number;
  /** Whether the update wants noise at a step index. @default never */
  readonly needsNoise?: (stepIndex: number) => boolean;
  /** Draws the noise of a step by a rule of the sampler's own. @default from the image's generator */
  readonly drawNoise?: (
    seed: number,
    stepIndex: number,
    length: number,
  ) => Float32Array<ArrayBuffer>;
  /** Weights of signal and noise before a step. */
  readonly noiseWeights: (stepIndex: number) => NoiseLevel;
  /** The step itself, its input checked. */
  readonly update: (input: UpdateInput) => Update;
}

/** A checked {@link StepInput}. */
export interface UpdateInput {
  /** As long as `sample`, or twice as long with a learned variance. */
  readonly modelOutput: Float32Array;
  /** The present sample. */
  readonly sample: Float32Array;
  /** Index into the timesteps. */
  readonly stepIndex: number;
  /** The timestep at that index. */
  readonly timestep: number;
  /** What was carried here. */
  readonly state: SchedulerState;
  /** The noise, where wanted; else empty. */
  readonly noise: Float32Array;
}

/** A {@link StepOutput} in the making. */
export interface Update {
  /** The next sample. */
  readonly prevSample: Float32Array<ArrayBuffer>;
  /** The estimated clean sample. */
  readonly predOriginalSample: Float32Array<ArrayBuffer>;
  /** What changes in the state, beside its counter. */
  readonly carried?: Partial<SchedulerState>;
}

const freshState: SchedulerState = Object.freeze({
  counter: 0,
  modelOutputs: Object.freeze([]),
  heldSample: null,
  heldOutput: null,
});

/** Completes a sampler; the result is frozen. */
export function defineScheduler(parts: SchedulerParts): Scheduler {
  const {
    title,
    update,
    inputScale,
    inputFactor,
    sigmas,
    hasLearnedVariance = false,
  } = parts;
  const needsNoise = parts.needsNoise ?? (() => false);
  const timesteps = Object.freeze([...parts.timesteps]);

  const timestepAt = (verb: string, stepIndex: number) => {
    const timestep = timesteps[stepIndex];
    if (timestep === undefined) {
      throw new RangeError(
        `Cannot ${verb} the ${title} as stepIndex must be an integer in [0, ${timesteps.length - 1}]: current value is ${stepIndex}`,
      );
    }
    return timestep;
  };

  const step = ({
    modelOutput,
    sample,
    stepIndex,
    state,
    noise,
  }: StepInput): StepOutput => {
    const timestep = timestepAt("step", stepIndex);
    const outputLength = hasLearnedVariance ? 2 * sample.length : sample.length;
    checkLength(`step the ${title}`, "modelOutput", modelOutput, outputLength);
    if (needsNoise(stepIndex)) {
      checkLength(`step the ${title}`, "noise", noise, sample.length);
    } else if (noise !== undefined) {
      throw new TypeError(
        `Cannot step the ${title} as noise must be absent at step index ${stepIndex} (see needsNoise): current value has ${noise.length} elements`,
      );
    }
    const { prevSample, predOriginalSample, carried } = update({
      modelOutput,
      sample,
      stepIndex,
      timestep,
      state,
      noise: noise ?? new Float32Array(0),
    });
    const next = { ...state, ...carried, counter: state.counter + 1 };
    return { prevSample, predOriginalSample, state: next };
  };

  return Object.freeze({
    name: parts.name,
    timesteps,
    numInferenceSteps: parts.numInferenceSteps ?? timesteps.length,
    order: parts.order ?? 1,
    numTrainTimesteps: parts.numTrainTimesteps,
    timestepRange: Object.freeze(
      parts.timestepRange ?? ([0, parts.numTrainTimesteps] as const),
    ),
    initNoiseSigma: parts.initNoiseSigma ?? 1,
    predictionType: parts.predictionType,
    hasLearnedVariance,
    alphasCumprod: Object.freeze(parts.alphasCumprod),
    ...(sigmas && { sigmas: Object.freeze([...sigmas]) }),
    initialState: () => freshState,
    scaleModelInput(sample: Float32Array, stepIndex: number) {
      timestepAt("scale the input of", stepIndex);
      if (inputFactor) return scaled(sample, inputFactor(stepIndex));
      return inputScale ? quotient(sample, inputScale(stepIndex)) : sample;
    },
    needsNoise(stepIndex: number) {
      timestepAt("look up the noise of", stepIndex);
      return needsNoise(stepIndex);
    },
    step,
    drawNoise(source: NoiseGenerator, stepIndex: number, length: number) {
      timestepAt("draw the noise of", stepIndex);
      if (!needsNoise(stepIndex)) return undefined;
      return (
        parts.drawNoise?.(source.seed, stepIndex, length) ??
        source.randn(length)
      );
    },
    addNoise(original: Float32Array, noise: Float32Array, stepIndex: number) {
      timestepAt("add noise with", stepIndex);
      checkLength(
        `add noise with the ${title}`,
        "noise",
        noise,
        original.length,
      );
      const weights = parts.noiseWeights(stepIndex);
      return weightedSum([weights.signal, original], [weights.noise, noise]);
    },
  });
}

function checkLength(
  attempt: string,
  name: string,
  array: Float32Array | undefined,
  length: number,
): void {
  if (array?.length === length) return;
  const given = array === undefined ? "undefined" : array.length;
  throw new TypeError(
    `Cannot ${attempt} as ${name} must have ${length} elements: current value is ${given}`,
  );
}
