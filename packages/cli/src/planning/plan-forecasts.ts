// Plans of a search, their kept values forecast: the same computations, what lies between them made of fitted sums.

import {
  fitSites,
  fittedPlan,
  forecastTemplate,
  stretchLoss,
  type Draw,
  type ResponseRow,
  type StretchLoss,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import type { Study } from "@phaseskip/runtime/internals";
import { ForecastRuns } from "./forecast-runs.js";

/** Kept values that a forecast adds up at most. */
const values = 3;

/** Fits the plans of a search on runs that were looked at once. */
export class PlanForecasts {
  readonly #study: Study;
  readonly #units: ReadonlySet<string>;
  readonly #runs: ForecastRuns;

  private constructor(
    study: Study,
    units: readonly string[],
    runs: ForecastRuns,
  ) {
    this.#study = study;
    this.#units = new Set(units);
    this.#runs = runs;
  }

  /**
   * Runs the whole model, and looks at the Unet's output and its blocks.
   *
   * @param study on the grid of the search; it stays open
   * @param draws what to fit on, at least 2
   * @param onRun told how many are done
   */
  static async open(
    study: Study,
    draws: readonly Draw[],
    onRun: (done: number, total: number) => void,
  ): Promise<PlanForecasts> {
    const units = [
      "",
      ...study
        .units()
        .map(({ path }) => path)
        .filter(isBlock),
    ];
    const runs = await ForecastRuns.collect(study, units, draws, onRun);
    return new PlanForecasts(study, units, runs);
  }

  /** What leaving out whole calls of the Unet loses, by a sweep's responses. */
  stretch(responses: readonly ResponseRow[]): StretchLoss {
    const { contexts, scheduler } = this.#study;
    const runs = this.#runs.of({ unit: "", contexts })!;
    return stretchLoss(runs, scheduler.timesteps, responses);
  }

  /** A plan with forecasts in place of what it keeps, their coefficients still open: it computes what the fitted one does. */
  template(plan: Plan): Plan {
    const { numInferenceSteps } = this.#study.scheduler;
    if (plan.steps?.numInferenceSteps !== numInferenceSteps) return plan;
    const all = forecastTemplate(plan, values);
    const rules = plan.rules.map((rule, i) =>
      rule.units.every((unit) => this.#units.has(unit)) ? all.rules[i]! : rule,
    );
    return { ...all, rules };
  }

  /** A plan with fitted forecasts, for this sampler and number of steps alone; as it was where it keeps nothing. */
  fitted(plan: Plan): Plan {
    const template = this.template(plan);
    if (template === plan) return plan;
    const { model: _model, valid: _valid, ...open } = template;
    const sites = this.#study.forecasts(open);
    if (sites.length === 0) return plan;
    const { scheduler } = this.#study;
    const known = sites.filter((site) => this.#runs.of(site));
    const fitted = fitSites(
      known,
      (site) => this.#runs.of(site)!,
      scheduler.timesteps,
    );
    const { name, numInferenceSteps } = scheduler;
    return fittedPlan(plan, fitted, values, {
      schedulers: [name],
      numInferenceSteps: [numInferenceSteps, numInferenceSteps],
    });
  }
}

/** Blocks, not what they are made of: their values are few enough to be held for a whole run. */
function isBlock(path: string): boolean {
  return /^(down_blocks\.\d+|mid_block|up_blocks\.\d+)$/.test(path);
}
