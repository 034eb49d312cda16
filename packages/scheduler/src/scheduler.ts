// What every sampler is: an immutable schedule of timesteps and a pure step from one sample to
// the next, for one image. Samples are flat, row-major [channel, height, width] arrays.

import type { NoiseGenerator } from "./noise/generator.js";

/** What the network was trained to predict, in diffusers' words. */
export type PredictionType =
  "epsilon" | "sample" | "v_prediction" | "flow_prediction";

/**
 * What a sampler carries from step to step for one image: a plain object that survives
 * `structuredClone`, so that a run can stop and go on elsewhere with the same numbers. The
 * arrays belong to the state; nobody writes to them.
 */
export interface SchedulerState {
  /** Steps taken since {@link Scheduler.initialState}. */
  readonly counter: number;
  /**
   * Earlier network outputs, oldest first: as they were (`pndm`), as clean samples or noise (the
   * DPM-Solvers, `unipc`, `deis`), or as derivatives (`lms`).
   */
  readonly modelOutputs: readonly Float32Array<ArrayBuffer>[];
  /**
   * The sample that the present group of steps starts from, if it is in one: `pndm`, the
   * samplers of order 2, `dpm-singlestep`; of `unipc`, the sample before the last step.
   */
  readonly heldSample: Float32Array<ArrayBuffer> | null;
  /** `pndm`: the weighted network outputs of a Runge-Kutta group so far; `heun`: the first derivative. */
  readonly heldOutput: Float32Array<ArrayBuffer> | null;
}

/** What {@link Scheduler.step} takes. None of it is modified or kept. */
export interface StepInput {
  /**
   * The network's output for the scaled sample, as long as `sample`; twice as long where the
   * scheduler's variance is learned (first the mean's half, then the variance's).
   */
  readonly modelOutput: Float32Array;
  /** The present sample x_t, before {@link Scheduler.scaleModelInput}. */
  readonly sample: Float32Array;
  /** Index into {@link Scheduler.timesteps}. */
  readonly stepIndex: number;
  /** The state that the step before returned, or a fresh one. */
  readonly state: SchedulerState;
  /** Standard normal noise as long as `sample`, exactly where {@link Scheduler.needsNoise} says so. */
  readonly noise?: Float32Array | undefined;
}

/** What {@link Scheduler.step} returns; new arrays that the caller owns. */
export interface StepOutput {
  /** The next, less noisy sample. */
  readonly prevSample: Float32Array<ArrayBuffer>;
  /** The clean sample x_0 as estimated at this step. */
  readonly predOriginalSample: Float32Array<ArrayBuffer>;
  /** The state for the next step. */
  readonly state: SchedulerState;
}

/** A sampler, ready to use and immutable: frozen, and its arrays too. */
export interface Scheduler {
  /** Short name, as {@link schedulerNames} lists it. */
  readonly name: string;
  /**
   * The loop list, noisiest first: what the network is given at each step index. A step is its
   * index, for entries may repeat: `pndm` and the samplers of order 2 have such, and so have
   * Karras, exponential and beta sigmas. Fractional where sigmas are chosen between training
   * timesteps; for the EDM samplers, and for `euler` with `timestep_type: "continuous"`, a
   * quarter of sigma's logarithm, so also negative; for `consistency` 250 times it; where a graph holds
   * its preconditioning itself, sigma.
   */
  readonly timesteps: readonly number[];
  /** The number of steps asked for; `timesteps` is longer where a step takes several calls. */
  readonly numInferenceSteps: number;
  /**
   * Entries of {@link Scheduler.timesteps} that one step takes, as diffusers counts them: 2 for
   * `heun`, `kdpm2`, `kdpm2-ancestral` and `dpmpp-sde`, whose last step takes one, else 1.
   */
  readonly order: number;
  /** Timesteps of the training: a timestep lies in [0, numTrainTimesteps), rarely at its end. */
  readonly numTrainTimesteps: number;
  /**
   * Between which timesteps a phase can lie, both inclusive: 0 and {@link Scheduler.numTrainTimesteps}, but where timesteps
   * are levels of noise (`consistency`, the EDM samplers) those of the least and the largest sigma.
   */
  readonly timestepRange: readonly [least: number, most: number];
  /** Standard deviation of the first sample: unit noise is multiplied by it. */
  readonly initNoiseSigma: number;
  /** What the network predicts. */
  readonly predictionType: PredictionType;
  /** Whether {@link Scheduler.step} takes a variance behind the network's prediction, of as many channels. */
  readonly hasLearnedVariance: boolean;
  /**
   * Product of the alphas up to each training timestep, float32 values in [0, 1); empty for the
   * EDM samplers, `consistency` and `flow-euler`, which have none.
   */
  readonly alphasCumprod: readonly number[];
  /**
   * The noise's standard deviation relative to the signal before each step and after the last,
   * for samplers that work in it; for flow matching relative to signal and noise together.
   */
  readonly sigmas?: readonly number[];
  /** The state before the first step of an image, also where that is not step index 0. */
  initialState(): SchedulerState;
  /**
   * Scales a sample into what the network is given.
   *
   * @param sample left as it is
   * @param stepIndex index into {@link Scheduler.timesteps}
   * @returns a new array, or `sample` itself where nothing is to be done
   * @throws {RangeError} If `stepIndex` is outside of the schedule.
   */
  scaleModelInput(sample: Float32Array, stepIndex: number): Float32Array;
  /**
   * Whether {@link Scheduler.step} wants noise at this index: one standard normal number per
   * element of the sample, drawn after the network has run, in one draw for each image.
   *
   * @param stepIndex index into {@link Scheduler.timesteps}
   * @throws {RangeError} If `stepIndex` is outside of the schedule.
   */
  needsNoise(stepIndex: number): boolean;
  /**
   * Draws the noise that {@link Scheduler.step} wants at this index: from the image's generator,
   * but for `dpmpp-sde`, whose noise is a function of the generator's seed and the step index.
   *
   * @param source the image's generator
   * @param stepIndex index into {@link Scheduler.timesteps}
   * @param length elements of the sample
   * @returns a new array that the caller owns, or `undefined` where no noise is wanted
   * @throws {RangeError} If `stepIndex` is outside of the schedule.
   */
  drawNoise(
    source: NoiseGenerator,
    stepIndex: number,
    length: number,
  ): Float32Array<ArrayBuffer> | undefined;
  /**
   * Goes from the sample at one step index to the sample at the next.
   *
   * @throws {RangeError} If `stepIndex` is outside of the schedule.
   * @throws {TypeError} If lengths disagree, or noise is missing or not wanted.
   */
  step(input: StepInput): StepOutput;
  /**
   * Draws from q(x_t | x_0): a clean sample with the noise that it has before a step, for image
   * to image and for inpainting.
   *
   * @param original the clean sample x_0
   * @param noise standard normal, as long as `original`
   * @param stepIndex index into {@link Scheduler.timesteps}
   * @returns a new array that the caller owns
   * @throws {RangeError} If `stepIndex` is outside of the schedule.
   * @throws {TypeError} If lengths disagree.
   */
  addNoise(
    original: Float32Array,
    noise: Float32Array,
    stepIndex: number,
  ): Float32Array<ArrayBuffer>;
}
