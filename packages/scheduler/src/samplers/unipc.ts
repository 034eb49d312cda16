// UniPC: a predictor of any order whose result is corrected, without another call of the
// network, once the next output is there.
//
//   Zhao et al. 2023 (arXiv 2302.04867), algorithms 1 and 2     here
//   h_i, r_k                                                    h, rks
//   B(h)                                                        scale
//   R_p, b = φ_k terms                                          matrix, rightHand
//   ρ (a_p in the paper)                                        rhos
//   D_k / r_k                                                   differences

import type { RunOptions, SchedulerConfig } from "../config/config.js";
import { configReader } from "../config/config-reader.js";
import { quotient, scaled, weightedSum } from "../float32.js";
import { noiseSchedule } from "../grid/noise-schedule.js";
import { readFinalSigma, withFiniteSigmas } from "../grid/sigmas.js";
import { solverSteps } from "../grid/solver-steps.js";
import { stepRequest } from "../grid/step-request.js";
import { unipcFlowSigmas } from "../grid/unipc-flow-sigmas.js";
import type { Scheduler } from "../scheduler.js";
import { defineScheduler } from "../step/define-scheduler.js";
import { readPredictionType } from "../step/prediction.js";
import { sampleBound } from "../step/sample-bound.js";
import { solverLevel } from "../step/solver-level.js";
import type { SolverLevel } from "../step/solver-level.js";
import {
  rejectZeroFinalSigma,
  solverPrediction,
} from "../step/solver-prediction.js";
import { solveLinear } from "../step/solve-linear.js";

const f = Math.fround;

/**
 * UniPC, as diffusers' `UniPCMultistepScheduler` (without a `solver_p` of one's own).
 *
 * @param options the configuration and the number of steps
 * @throws {RangeError} If a value is out of range, unknown or not implemented, or if two steps
 * would share a timestep.
 * @throws {TypeError} If a value is of another type.
 * @see diffusers 0.42.1, `schedulers/scheduling_unipc_multistep.py`
 */
export function unipc(options: SchedulerConfig & RunOptions): Scheduler {
  const config = configReader("UniPC scheduler", options);
  const schedule = noiseSchedule(config);
  const { numTrainTimesteps } = schedule;
  const alphasCumprod = withFiniteSigmas(schedule);
  const predictionType = readPredictionType(config, "solver");
  const isData = config.boolean("predict_x0", true);
  const bound = isData ? sampleBound(config, null) : null;
  const order = config.number("solver_order", 2, { min: 1, isInteger: true });
  const types = ["bh1", "bh2", "midpoint", "heun", "logrho"] as const;
  const isBh1 = config.choice("solver_type", "bh2", types) === "bh1";
  const isLowerOrderFinal = config.boolean("lower_order_final", true);
  const uncorrected = new Set(readIndices(config, "disable_corrector"));
  if (config.value("solver_p") !== undefined)
    config.reject("solver_p", "null (it is not implemented)", "a scheduler");
  const request = stepRequest(config, options, {
    numTrainTimesteps,
    custom: "none",
  });
  const { timesteps, sigmas, isFlow } = solverSteps(
    config,
    alphasCumprod,
    request,
    {
      flowSigmas: unipcFlowSigmas(config, numTrainTimesteps),
      flowOfKarras: (sigma) => sigma / (sigma + 1),
      finalSigma: (last, first) => readFinalSigma(config, last ?? first),
    },
  );
  if (!isData) rejectZeroFinalSigma(config, "dpmsolver", sigmas.at(-1)!);
  if (!isLowerOrderFinal && order > 1 && sigmas.at(-1) === 0) {
    const wanted = `true where final_sigmas_type is "zero"`;
    config.reject("lower_order_final", wanted, false);
  }
  const levels = sigmas.map((sigma) => solverLevel(sigma, isFlow));

  /** The order of a step that is the nth of its run, from 1. */
  const orderAt = (stepIndex: number, nth: number) =>
    Math.min(
      isLowerOrderFinal ? timesteps.length - stepIndex : order,
      order,
      nth,
    );

  /** The step that both predictor and corrector take from one level to another. */
  const stepTo = (
    to: SolverLevel,
    stepIndex: number,
    sample: Float32Array,
    newestFirst: readonly Float32Array[],
    corrected: Float32Array | null,
  ) => {
    const from = levels[stepIndex]!;
    const h = f(to.logSnr - from.logSnr);
    const hh = isData ? -h : h;
    const growth = f(Math.expm1(hh));
    const scale = isBh1 ? hh : growth;
    const [m0, ...earlier] = newestFirst;
    const rks = earlier.map((_, i) =>
      f(f(levels[stepIndex - i - 1]!.logSnr - from.logSnr) / h),
    );
    const differences = earlier.map((m, i) =>
      quotient(weightedSum([1, m], [-1, m0!]), rks[i]!),
    );
    if (corrected) differences.push(weightedSum([1, corrected], [-1, m0!]));

    const kept = isData ? f(to.noise / from.noise) : f(to.signal / from.signal);
    const weight = isData ? to.signal : to.noise;
    const first = weightedSum([kept, sample], [-f(weight * growth), m0!]);
    if (differences.length === 0) return first;
    const rhos = rhosOf(corrected ? [...rks, 1] : rks, hh, growth, scale);
    const [term, ...terms] = differences.map(
      (difference, i) => [rhos[i]!, difference] as const,
    );
    const sum = weightedSum(term!, ...terms);
    return weightedSum([1, first], [-f(weight * scale), sum]);
  };

  return defineScheduler({
    title: config.title,
    name: "unipc",
    timesteps,
    numTrainTimesteps,
    predictionType,
    alphasCumprod,
    sigmas,
    noiseWeights: (stepIndex) => levels[stepIndex]!,
    update({ modelOutput, sample, stepIndex, state }) {
      const from = levels[stepIndex]!;
      const { converted, predOriginalSample } = solverPrediction(
        predictionType,
        isData,
        bound,
        modelOutput,
        sample,
        from,
      );
      const { counter, modelOutputs, heldSample } = state;
      const isCorrected = heldSample && !uncorrected.has(stepIndex - 1);
      const lastOrder = orderAt(stepIndex - 1, counter);
      const corrected = isCorrected
        ? stepTo(
            from,
            stepIndex - 1,
            heldSample,
            modelOutputs.slice(-lastOrder).reverse(),
            converted,
          )
        : scaled(sample, 1);
      const outputs = [...modelOutputs, converted].slice(-order);
      const prevSample = stepTo(
        levels[stepIndex + 1]!,
        stepIndex,
        corrected,
        outputs.slice(-orderAt(stepIndex, counter + 1)).reverse(),
        null,
      );
      return {
        prevSample,
        predOriginalSample,
        carried: { modelOutputs: outputs, heldSample: corrected },
      };
    },
  });
}

/** The weights of the differences: those under which the step is exact for polynomials. */
function rhosOf(
  rks: readonly number[],
  hh: number,
  growth: number,
  scale: number,
): readonly number[] {
  const order = rks.length;
  if (order === 1) return [0.5];
  const rightHand: number[] = [];
  let phi = f(f(growth / hh) - 1);
  let factorial = 1;
  for (let i = 1; i <= order; i++) {
    rightHand.push(f(f(phi * factorial) / scale));
    factorial *= i + 1;
    phi = f(f(phi / hh) - f(1 / factorial));
  }
  const matrix = rightHand.map((_, power) => rks.map((rk) => f(rk ** power)));
  return solveLinear(matrix, rightHand);
}

function readIndices(
  config: ReturnType<typeof configReader>,
  key: string,
): readonly number[] {
  const given = config.value(key) ?? [];
  if (Array.isArray(given) && given.every(Number.isInteger))
    return given as number[];
  return config.reject(key, "a list of step indices", given);
}
