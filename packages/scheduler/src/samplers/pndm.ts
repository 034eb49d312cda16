// PNDM: linear multistep sampling (PLMS), after Runge-Kutta steps (PRK) unless they are skipped.
//
//   Liu et al. 2022 (arXiv 2202.09778)                here
//   e_t, e_{t−δ} …                                    modelOutput, earlier outputs (oldest first)
//   e'_t, equations 12 and 13                         blended output
//   φ(x_t, e, t, t−δ), equation 9                     transferred
//   δ                                                 stride

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { defineScheduler } from "../step/define-scheduler.js";
import type { Update, UpdateInput } from "../step/define-scheduler.js";
import { quotient, scaled, sqrt32, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import {
  noiseLevel,
  predictEpsilon,
  predictOriginal,
  readPredictionType,
} from "../step/prediction.js";
import type { Scheduler } from "../scheduler.js";
import { checkedTimesteps, stepRequest } from "../grid/step-request.js";
import { readSpacing, spacedTimesteps } from "../grid/timestep-spacing.js";

const f = Math.fround;

/** Calls in one Runge-Kutta group, and network outputs that PLMS blends. */
const ORDER = 4;

/**
 * Pseudo numerical methods, as diffusers' `PNDMScheduler`. With `skip_prk_steps`, as Stable
 * Diffusion 1.x ships it, `timesteps` holds its second entry twice; without, it begins with
 * three groups of four calls. Which rule applies is counted from the state, so that image to
 * image starts as in diffusers.
 *
 * @param options the configuration and the number of steps (at least 4 without
 * `skip_prk_steps`); `prediction_type` is `epsilon` or `v_prediction`, as in diffusers
 * @throws {RangeError} If a value is out of range, unknown or not implemented.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_pndm.py`
 */
export function pndm(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("PNDM scheduler", options);
  const { numTrainTimesteps, alphasCumprod } = noiseSchedule(config, {
    isRescalable: false,
  });
  const predictionType = readPredictionType(config, "noisy");
  const isFinalClean = config.boolean("set_alpha_to_one", false);
  const finalAlphaCumprod = isFinalClean ? 1 : alphasCumprod[0]!;
  const isPrkSkipped = config.boolean("skip_prk_steps", false);
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const numInferenceSteps = request.numInferenceSteps;
  if (!isPrkSkipped && numInferenceSteps < ORDER) {
    const wanted = `at least ${ORDER} unless skip_prk_steps is true`;
    config.reject("numInferenceSteps", wanted, numInferenceSteps);
  }
  const spacing = readSpacing(config, "leading");
  const spaced = spacedTimesteps({
    ...spacing,
    numTrainTimesteps,
    count: numInferenceSteps,
  });
  const stride = Math.floor(numTrainTimesteps / numInferenceSteps);
  const halfStride = Math.floor(stride / 2);
  const prkTimesteps = isPrkSkipped ? [] : prkCalls(spaced, halfStride);
  const plmsTimesteps = isPrkSkipped
    ? plmsCalls(spaced)
    : spaced.slice(ORDER - 1);
  const timesteps = [...prkTimesteps, ...plmsTimesteps];
  checkedTimesteps(config, timesteps, alphasCumprod, predictionType);

  /** The sample at another timestep, if the noise in it is as predicted (equation 9). */
  const transferred = (
    sample: Float32Array,
    output: Float32Array,
    from: number,
    to: number,
  ) => {
    const alphaProd = alphasCumprod[from]!;
    const alphaProdPrev = alphasCumprod[to] ?? finalAlphaCumprod;
    const betaProd = f(1 - alphaProd);
    const betaProdPrev = f(1 - alphaProdPrev);
    const epsilon = predictEpsilon(
      predictionType,
      output,
      sample,
      noiseLevel(alphaProd),
    );
    const divisor = f(
      f(alphaProd * sqrt32(betaProdPrev)) +
        sqrt32(f(f(alphaProd * betaProd) * alphaProdPrev)),
    );
    const step = quotient(
      scaled(epsilon, f(alphaProdPrev - alphaProd)),
      divisor,
    );
    return weightedSum(
      [sqrt32(f(alphaProdPrev / alphaProd)), sample],
      [-1, step],
    );
  };

  /** One of the four calls of a Runge-Kutta group. */
  const prk = ({ modelOutput, sample, timestep, state }: UpdateInput) => {
    const call = state.counter % ORDER;
    const to = timestep - (call % 2 === 0 ? halfStride : 0);
    const from = prkTimesteps[state.counter - call]!;
    const weight = f(call === 0 || call === ORDER - 1 ? 1 / 6 : 1 / 3);
    const weighted = scaled(modelOutput, weight);
    const sum = state.heldOutput
      ? weightedSum([1, state.heldOutput], [1, weighted])
      : weighted;
    const isLast = call === ORDER - 1;
    const heldSample = call === 0 ? scaled(sample, 1) : state.heldSample;
    const modelOutputs =
      call === 0
        ? [...state.modelOutputs, scaled(modelOutput, 1)]
        : state.modelOutputs;
    return {
      prevSample: transferred(
        heldSample ?? sample,
        isLast ? sum : modelOutput,
        from,
        to,
      ),
      carried: { modelOutputs, heldSample, heldOutput: isLast ? null : sum },
    };
  };

  const plms = ({ modelOutput, sample, timestep, state }: UpdateInput) => {
    if (state.counter === 1) {
      // The second call repeats the first step with the mean of both outputs.
      const blended = quotient(
        weightedSum([1, modelOutput], [1, state.modelOutputs[0]!]),
        2,
      );
      return {
        prevSample: transferred(
          state.heldSample ?? sample,
          blended,
          timestep + stride,
          timestep,
        ),
        carried: { heldSample: null },
      };
    }
    const outputs = [
      ...state.modelOutputs.slice(1 - ORDER),
      scaled(modelOutput, 1),
    ];
    return {
      prevSample: transferred(
        sample,
        adamsBashforth(outputs),
        timestep,
        timestep - stride,
      ),
      carried: {
        modelOutputs: outputs,
        ...(state.counter === 0 && { heldSample: scaled(sample, 1) }),
      },
    };
  };

  return defineScheduler({
    title: config.title,
    name: "pndm",
    timesteps,
    numInferenceSteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    noiseWeights: (stepIndex) =>
      noiseLevel(alphasCumprod[timesteps[stepIndex]!]!),
    update(input): Update {
      const { modelOutput, sample, timestep } = input;
      const level = noiseLevel(alphasCumprod[timestep]!);
      const predOriginalSample = predictOriginal(
        predictionType,
        modelOutput,
        sample,
        level,
      );
      const isPrk = input.state.counter < prkTimesteps.length;
      return { predOriginalSample, ...(isPrk ? prk(input) : plms(input)) };
    },
  });
}

/** Three groups of four calls: at a timestep, twice half a stride below it, at the next one. */
function prkCalls(spaced: readonly number[], halfStride: number): number[] {
  return [0, 1, 2].flatMap((group) => {
    const middle = spaced[group + 1]! + halfStride;
    return [spaced[group]!, middle, middle, spaced[group + 1]!];
  });
}

/** The spaced timesteps, the second one twice. */
function plmsCalls(spaced: readonly number[]): number[] {
  return spaced.length < 2
    ? [...spaced]
    : [...spaced.slice(0, 2), ...spaced.slice(1)];
}

/** The blend of up to four network outputs, oldest first, of the highest order they allow. */
function adamsBashforth(
  outputs: readonly Float32Array<ArrayBuffer>[],
): Float32Array<ArrayBuffer> {
  const [e1, e2, e3, e4] = outputs.toReversed();
  if (!e1) return new Float32Array(0);
  if (!e2) return e1;
  if (!e3) return quotient(weightedSum([3, e1], [-1, e2]), 2);
  if (!e4) return quotient(weightedSum([23, e1], [-16, e2], [5, e3]), 12);
  return scaled(
    weightedSum([55, e1], [-59, e2], [37, e3], [-9, e4]),
    f(1 / 24),
  );
}
