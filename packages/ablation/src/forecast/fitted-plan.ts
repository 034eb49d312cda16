// A plan whose kept values are forecast: the same computations, what lies between them made of fitted sums.

import type { GuidanceRule, Plan, Rule } from "@phaseskip/runtime";
import type {
  FittedForecast,
  ForecastStep,
  InnerProducts,
} from "./fit-forecast.js";
import { fitForecast } from "./fit-forecast.js";

/** Where a plan's rule makes a value of kept ones. */
export interface ForecastSite {
  /** Index of the rule, or of the guidance rule where the unit is `guidance`. */
  readonly rule: number;
  /** The unit's path, `""` for the Unet's output, or `guidance` for `uncond − cond`. */
  readonly unit: string;
  /** The contexts that keep and forecast at the same steps; guidance has none. */
  readonly contexts: readonly ("cond" | "image" | "uncond")[];
  /** What is forecast from what. */
  readonly steps: readonly ForecastStep[];
}

/** What became of a site. */
export interface FittedSite extends FittedForecast {
  /** The site. */
  readonly site: ForecastSite;
}

/**
 * The plan with every kept output, and guidance's kept difference, asked to be forecast from so many values: what a
 * fit begins with. Other rules stay as they are.
 * @param values an integer in [2, 4]
 */
export function forecastTemplate(plan: Plan, values: number): Plan {
  const basis = "taylor" as const;
  return {
    ...plan,
    rules: plan.rules.map((rule): Rule => {
      const isOutput =
        rule.action === "extrapolate" ||
        rule.action === "forecast" ||
        (rule.action === "reuse" && (rule.value ?? "output") === "output");
      if (!isOutput) return rule;
      const { units, phases, contexts, refresh } = rule;
      const where = {
        ...(phases && { phases }),
        ...(contexts && { contexts }),
      };
      return { units, ...where, action: "forecast", values, basis, refresh };
    }),
    ...(plan.guidance && {
      guidance: plan.guidance.map((rule): GuidanceRule => {
        if (!("action" in rule) || rule.action !== "delta") return rule;
        const { phases, refresh } = rule;
        return {
          ...(phases && { phases }),
          action: "delta",
          values,
          basis,
          refresh,
        };
      }),
    }),
  };
}

/**
 * Fits every site of a template.
 * @param productsOf inner products by run, of one unit in these contexts together
 * @throws {RangeError} If there are fewer than 2 runs
 */
export function fitSites(
  sites: readonly ForecastSite[],
  productsOf: (site: ForecastSite) => readonly InnerProducts[],
  timesteps: readonly number[],
): FittedSite[] {
  return sites.map((site) => ({
    ...fitForecast(site.steps, productsOf(site), timesteps),
    site,
  }));
}

/**
 * The plan with fitted forecasts behind the rules that they take over; what cannot be forecast stays as it is.
 * @param valid the run that the coefficients hold for
 */
export function fittedPlan(
  plan: Plan,
  fitted: readonly FittedSite[],
  values: number,
  valid: NonNullable<Plan["valid"]>,
): Plan {
  const usable = fitted.filter(({ isUsable }) => isUsable);
  const tableOf = ({ site, coefficients }: FittedSite) => ({
    values,
    coefficients: coefficients.map((row) => row.map(rounded)),
    steps: site.steps.map(({ step }) => step),
    ages: site.steps.map(({ step, from }) => from.map((i) => step - i)),
  });
  const rules = plan.rules.flatMap((rule, index): Rule[] => {
    const sites = fitted.filter(
      ({ site }) => site.rule === index && site.unit !== "guidance",
    );
    const own = sites.filter(({ isUsable }) => isUsable);
    if (own.length === 0 || !("refresh" in rule)) return [rule];
    const isWhole = own.length === sites.length;
    const { phases, refresh } = rule;
    const made = own.map((one): Rule => ({
      units: [one.site.unit],
      ...(phases && { phases }),
      ...(one.site.contexts.length === 1 && { contexts: one.site.contexts }),
      ...{ action: "forecast", ...tableOf(one), refresh },
    }));
    return isWhole ? made : [rule, ...made];
  });
  const guidance = plan.guidance?.map((rule, index): GuidanceRule => {
    const own = usable.find(
      ({ site }) => site.rule === index && site.unit === "guidance",
    );
    if (!own || !("action" in rule) || rule.action !== "delta") return rule;
    const { phases, refresh } = rule;
    return {
      ...(phases && { phases }),
      action: "delta",
      ...tableOf(own),
      refresh,
    };
  });
  return { ...plan, rules, ...(guidance && { guidance }), valid };
}

/** To 7 digits: what float32 tells apart. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
