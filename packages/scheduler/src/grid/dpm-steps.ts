// Which timesteps and sigmas DPM-Solver++ visits, by the rules of diffusers'
// schedulers/scheduling_dpmsolver_multistep.py.

import type { ConfigReader } from "../config/config-reader.js";
import { noiseLevel } from "../step/prediction.js";
import {
  interpolated,
  karrasSigmas,
  readFinalSigma,
  readSigmaRange,
  rejectOtherSigmas,
  sigmaTable,
  timestepsOfSigmas,
} from "./sigmas.js";
import { rejectTimestepsUnderKarras } from "./step-request.js";
import type { StepRequest } from "./step-request.js";
import {
  leading,
  linspace,
  readSpacing,
  roundHalfEven,
  trailing,
} from "./timestep-spacing.js";

const f = Math.fround;

/** Where DPM-Solver++ steps. */
export interface DpmSteps {
  /** Integers, descending; Karras sigmas may share some. */
  readonly timesteps: readonly number[];
  /** Float32 values at each step index and after the last step; strictly descending but there. */
  readonly sigmas: readonly number[];
}

/**
 * Chooses the steps.
 *
 * @param config of the sampler
 * @param alphasCumprod of the schedule, none of them 0
 * @param request of the run
 * @throws {RangeError} If a value is out of range or not implemented, or if two steps would
 * share a sigma: the solver divides by the distance of their logarithms.
 */
export function dpmSteps(
  config: ConfigReader,
  alphasCumprod: readonly number[],
  request: StepRequest,
): DpmSteps {
  rejectOtherSigmas(config, [
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
    "use_flow_sigmas",
  ]);
  const isKarras = config.boolean("use_karras_sigmas", false);
  rejectTimestepsUnderKarras(config, isKarras, request.timesteps);
  const table = sigmaTable(alphasCumprod);
  const finalSigma = readFinalSigma(config, table);
  let timesteps =
    request.timesteps ??
    spaced(config, alphasCumprod, request.numInferenceSteps);
  let sigmas = timesteps.map((timestep) => interpolated(table, timestep));
  if (isKarras) {
    const range = readSigmaRange(config, {
      min: table[0]!,
      max: table.at(-1)!,
    });
    sigmas = karrasSigmas(range.max, range.min, request.numInferenceSteps);
    const isCosine = config.value("beta_schedule") === "squaredcos_cap_v2";
    timesteps = timestepsOfSigmas(sigmas, table).map(
      isCosine ? Math.trunc : roundHalfEven,
    );
  }
  if (sigmas.some((sigma, i) => i > 0 && sigma >= sigmas[i - 1]!)) {
    const wanted = "so small that no two steps share a timestep";
    config.reject("numInferenceSteps", wanted, request.numInferenceSteps);
  }
  return { timesteps, sigmas: [...sigmas, finalSigma].map(f) };
}

/** diffusers spaces one step more and leaves the last one out, but for `trailing`. */
function spaced(
  config: ConfigReader,
  alphasCumprod: readonly number[],
  count: number,
): number[] {
  const numTrainTimesteps = alphasCumprod.length;
  const { spacing, offset } = readSpacing(config, "linspace");
  const minLogSnr = config.number("lambda_min_clipped", -Infinity);
  const logSnrs = alphasCumprod.map((alpha) => {
    const { signal, noise } = noiseLevel(alpha);
    return f(f(Math.log(signal)) - f(Math.log(noise)));
  });
  const end = logSnrs.filter((logSnr) => logSnr >= f(minLogSnr)).length;
  switch (spacing) {
    case "leading":
      return leading(count + 1, Math.floor(end / (count + 1)), offset).slice(
        0,
        -1,
      );
    case "trailing":
      return trailing(end, numTrainTimesteps / count);
    case "linspace":
      return linspace(0, end - 1, count + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1);
    default:
      return spacing satisfies never;
  }
}
