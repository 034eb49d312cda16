// Which timesteps and sigmas DPM-Solver, DEIS and UniPC visit, by the rules of diffusers'
// schedulers/scheduling_dpmsolver_multistep.py and its like: integers, spaced as if there were
// one step more.

import type { ConfigReader } from "../config/config-reader.js";
import { noiseLevel } from "../step/prediction.js";
import { numpyLog32 } from "./numpy-log.js";
import { shifted } from "./flow-shift.js";
import {
  interpolated,
  readSigmaRange,
  readSigmaSpacing,
  sigmaTable,
  spacedSigmas,
  timestepsOfSigmas,
} from "./sigmas.js";
import type { StepRequest } from "./step-request.js";
import {
  leading,
  linspace,
  readSpacing,
  roundHalfEven,
  trailing,
} from "./timestep-spacing.js";

const f = Math.fround;

/** Where such a solver steps. */
export interface SolverSteps {
  /** Integers, descending; neighbours may share one where a rule chooses the sigmas. */
  readonly timesteps: readonly number[];
  /** Float32 values at each step index and after the last step; strictly descending but there. */
  readonly sigmas: readonly number[];
  /** Whether signal and noise of a sigma are 1 − σ and σ, as flow matching has them. */
  readonly isFlow: boolean;
}

/** What such solvers do not share. */
export interface SolverStepRules {
  /** Whether timesteps may only be spaced by `linspace`. @default false */
  readonly isLinspace?: boolean;
  /** Whether noisy timesteps can be left out by `lambda_min_clipped`. @default false */
  readonly isClipped?: boolean;
  /** Whether the class knows `use_lu_lambdas`. @default false */
  readonly knowsLu?: boolean;
  /** Whether timesteps of a cosine schedule's Karras sigmas are truncated. @default false */
  readonly isCosineTruncated?: boolean;
  /** Sigmas of flow matching. @default those of diffusers' DPM-Solver */
  readonly flowSigmas?: (count: number) => number[];
  /** Maps sigmas of a rule onto those of flow matching, where `use_flow_sigmas` is true too. @default none */
  readonly flowOfKarras?: (sigma: number) => number;
  /**
   * The sigma after the last step.
   *
   * @param last the last step's, where a rule chose it
   * @param first the training's first
   */
  readonly finalSigma: (last: number | undefined, first: number) => number;
}

/**
 * Chooses the steps.
 *
 * @param config of the solver
 * @param alphasCumprod of the schedule, none of them 0
 * @param request of the run
 * @throws {RangeError} If a value is out of range, if the network predicts a flow and sigmas are
 * not of one, or if two steps would share a sigma: the solvers divide by the distance of their
 * logarithms.
 */
export function solverSteps(
  config: ConfigReader,
  alphasCumprod: readonly number[],
  request: StepRequest,
  rules: SolverStepRules,
): SolverSteps {
  const table = sigmaTable(alphasCumprod);
  const rule = readSigmaSpacing(config, request);
  const isLu =
    rule !== "karras" &&
    rules.knowsLu === true &&
    config.boolean("use_lu_lambdas", false);
  const isFlow = config.boolean("use_flow_sigmas", false);
  if (!isFlow && config.value("prediction_type") === "flow_prediction") {
    // diffusers takes sigmas of another process for flow matching's, and draws noise
    const wanted =
      "another where use_flow_sigmas is false (set it to true for a model of flow matching)";
    config.reject("prediction_type", wanted, "flow_prediction");
  }
  const { numInferenceSteps: count } = request;

  const chosen = (sigmas: number[], round: (value: number) => number) => ({
    timesteps: timestepsOfSigmas(sigmas, table).map(round),
    sigmas,
    last: sigmas.at(-1)!,
  });
  const steps = () => {
    if (isLu) {
      const [least, most] = [table[0]!, table.at(-1)!].map(numpyLog32);
      const lambdas = linspace(0, 1, count).map(
        (ramp) => most! + ramp * (least! - most!),
      );
      return chosen(lambdas.map(Math.exp), roundedUnlessCosine());
    }
    if (rule !== null) {
      const ends = { min: table[0]!, max: table.at(-1)! };
      const sigmas = spacedSigmas(rule, readSigmaRange(config, ends), count);
      if (rule !== "karras") return chosen(sigmas, Math.trunc);
      if (!isFlow || !rules.flowOfKarras)
        return chosen(sigmas, roundedUnlessCosine());
      return flow(sigmas.map(rules.flowOfKarras));
    }
    if (isFlow) return flow((rules.flowSigmas ?? dpmFlowSigmas(config))(count));
    const timesteps = request.timesteps ?? spaced();
    const sigmas = timesteps.map((timestep) => interpolated(table, timestep));
    return { timesteps, sigmas, last: undefined };
  };
  const flow = (sigmas: number[]) => ({
    timesteps: sigmas.map((sigma) => Math.trunc(sigma * table.length)),
    sigmas,
    last: sigmas.at(-1)!,
  });
  const roundedUnlessCosine = () =>
    rules.isCosineTruncated &&
    config.value("beta_schedule") === "squaredcos_cap_v2"
      ? Math.trunc
      : roundHalfEven;

  /** One step more than asked for, and the last one left out, but for `trailing`. */
  const spaced = (): number[] => {
    const end = rules.isClipped
      ? clippedEnd(config, alphasCumprod)
      : table.length;
    const { spacing, offset } = rules.isLinspace
      ? { spacing: "linspace" as const, offset: 0 }
      : readSpacing(config, "linspace");
    switch (spacing) {
      case "leading": {
        const stride = Math.floor(end / (count + 1));
        return leading(count + 1, stride, offset).slice(0, -1);
      }
      case "trailing":
        return trailing(end, table.length / count);
      case "linspace": {
        const all = linspace(0, end - 1, count + 1).map(roundHalfEven);
        return all.reverse().slice(0, -1);
      }
      default:
        return spacing satisfies never;
    }
  };

  const { timesteps, sigmas, last } = steps();
  if (sigmas.some((sigma, i) => i > 0 && sigma >= sigmas[i - 1]!)) {
    const wanted = "so small that no two steps share a timestep";
    config.reject("numInferenceSteps", wanted, request.numInferenceSteps);
  }
  const finalSigma = rules.finalSigma(last, table[0]!);
  return { timesteps, sigmas: [...sigmas, finalSigma].map(f), isFlow };
}

/** The timestep below which `lambda_min_clipped` leaves all as they are. */
function clippedEnd(
  config: ConfigReader,
  alphasCumprod: readonly number[],
): number {
  const minLogSnr = f(config.number("lambda_min_clipped", -Infinity));
  return alphasCumprod.filter((alpha) => {
    const { signal, noise } = noiseLevel(alpha);
    return f(f(Math.log(signal)) - f(Math.log(noise))) >= minLogSnr;
  }).length;
}

/** Flow matching's sigmas as DPM-Solver and DEIS space them. */
function dpmFlowSigmas(config: ConfigReader): (count: number) => number[] {
  const numTrainTimesteps = config.number("num_train_timesteps", 1000);
  const shift = config.number("flow_shift", 1);
  return (count) =>
    linspace(1, 1 / numTrainTimesteps, count + 1)
      .map((alpha) => shifted(1 - alpha, shift))
      .reverse()
      .slice(0, -1);
}
