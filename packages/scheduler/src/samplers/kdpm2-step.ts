// What KDPM2 and its ancestral form share: where they step, and the two calls of a step.

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { scaled, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { sigmaSteps } from "../grid/sigma-steps.js";
import { sigmaTable, timestepsOfSigmas } from "../grid/sigmas.js";
import { stepRequest } from "../grid/step-request.js";
import type { TimestepSpacing } from "../grid/timestep-spacing.js";
import type { PredictionType, Scheduler } from "../scheduler.js";
import type { AncestralStep } from "../step/ancestral-step.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { readPredictionType } from "../step/prediction.js";
import {
  derivativeAtSigma,
  initNoiseSigma,
  originalAtSigma,
  sigmaNorm,
} from "../step/sigma-sample.js";

const f = Math.fround;
const log = (value: number) => f(Math.log(value));

/** Where both forms step. */
export interface Kdpm2Grid {
  /** In words, for error messages. */
  readonly title: string;
  /** The timesteps between which the middle ones lie. */
  readonly timesteps: readonly number[];
  /** Float32 values at these, and 0. */
  readonly sigmas: readonly number[];
  /** Sigma at every training timestep. */
  readonly table: readonly number[];
  /** How the timesteps are spaced. */
  readonly spacing: TimestepSpacing;
  /** Whether the timesteps are float32 values. */
  readonly isSingle: boolean;
  /** What the network predicts. */
  readonly predictionType: PredictionType;
  /** Product of the alphas up to each training timestep. */
  readonly alphasCumprod: readonly number[];
}

/** Reads where both forms step. */
export function kdpm2Grid(
  title: string,
  options: SchedulerConfig & RunOptions,
): Kdpm2Grid {
  const config = configReader(title, options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    isRescalable: false,
  });
  const predictionType = readPredictionType(config, "noisy");
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const table = sigmaTable(alphasCumprod);
  const steps = sigmaSteps(config, table, request, { isKarrasRounded: true });
  const sigmas = [...steps.sigmas.map(f), 0];
  const { timesteps, spacing } = steps;
  return {
    ...{ title, timesteps, sigmas, table, spacing },
    ...{ isSingle: true, predictionType, alphasCumprod },
  };
}

/** What the forms do not share. */
export interface Kdpm2Parts extends Kdpm2Grid {
  /** Short name. */
  readonly name: string;
  /** What each step does. */
  readonly steps: readonly AncestralStep[];
  /** Whether diffusers takes the middle from below: its rounding differs. */
  readonly isMiddleOfNext: boolean;
}

/** Completes one form. */
export function kdpm2Stepper(parts: Kdpm2Parts): Scheduler {
  const { sigmas, steps, predictionType } = parts;
  const middles = steps.slice(0, -1).map(({ down }, i) => {
    const [own, other] = [log(sigmas[i]!), log(down)];
    const [from, to] = parts.isMiddleOfNext ? [other, own] : [own, other];
    return f(Math.exp(f(to - f(f(to - from) * 0.5))));
  });
  const middleTimesteps = timestepsOfSigmas(middles, parts.table).map(f);
  const isSecond = (stepIndex: number) => stepIndex % 2 === 1;
  /** Sigma of the sample that the network is given. */
  const present = (stepIndex: number) =>
    isSecond(stepIndex) ? middles[stepIndex >> 1]! : sigmas[stepIndex >> 1]!;

  return defineScheduler({
    title: parts.title,
    name: parts.name,
    timesteps: interleaved(parts.timesteps.map(f), middleTimesteps),
    numInferenceSteps: steps.length,
    order: 2,
    numTrainTimesteps: parts.alphasCumprod.length,
    initNoiseSigma: initNoiseSigma(sigmas, parts.spacing),
    predictionType,
    alphasCumprod: parts.alphasCumprod,
    // At a second call diffusers already has the next sigma here.
    sigmas: [
      ...sigmas.slice(0, 1),
      ...sigmas.slice(1).flatMap((s) => [s, s]),
    ].slice(0, 2 * steps.length),
    inputScale: (stepIndex) => sigmaNorm(present(stepIndex)),
    needsNoise: (stepIndex) =>
      isSecond(stepIndex) && parts.name === "kdpm2-ancestral",
    noiseWeights: (stepIndex) => ({
      signal: 1,
      noise: sigmas[(stepIndex + 1) >> 1]!,
    }),
    update({ modelOutput, sample, stepIndex, state, noise }) {
      const step = stepIndex >> 1;
      const sigma = sigmas[step]!;
      const predOriginalSample = originalAtSigma(
        predictionType,
        modelOutput,
        sample,
        present(stepIndex),
      );
      const derivative = derivativeAtSigma(
        sample,
        predOriginalSample,
        present(stepIndex),
      );
      const { down, up } = steps[step]!;
      if (!isSecond(stepIndex)) {
        const to = middles[step] ?? down;
        return {
          prevSample: weightedSum([1, sample], [f(to - sigma), derivative]),
          predOriginalSample,
          carried: middles[step] ? { heldSample: scaled(sample, 1) } : {},
        };
      }
      const next = [
        [1, state.heldSample ?? sample],
        [f(down - sigma), derivative],
      ] as const;
      const isNoisy = noise.length > 0;
      return {
        prevSample: weightedSum(
          ...next,
          ...(isNoisy ? [[up, noise] as const] : []),
        ),
        predOriginalSample,
        carried: { heldSample: null },
      };
    },
  });
}

/** Of two lists the first, the second's first, the first's second, and so on. */
function interleaved(
  values: readonly number[],
  between: readonly number[],
): number[] {
  return values.flatMap((value, i) =>
    i < between.length ? [value, between[i]!] : [value],
  );
}
