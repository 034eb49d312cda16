// `phaseskip fit`: a plan whose kept values are forecast, with coefficients fitted on runs of the whole model.

import {
  defaultPlanPrompts,
  fitSites,
  fittedPlan,
  forecastTemplate,
  type FittedSite,
  type ForecastSite,
  type InnerProducts,
} from "@phaseskip/ablation";
import type { Plan, SchedulerName } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import { loadPlan, openFolder, Study } from "@phaseskip/runtime/internals";
import { writeJson, type CommandIo } from "../command-io.js";
import { writeOutput } from "../files/file.js";
import { planArgument } from "../files/plan-argument.js";
import { readPrompts } from "../files/prompt-file.js";
import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { progress } from "../terminal/progress.js";

/** The options of `fit`, read. */
export interface FitArguments extends UnetInputArguments {
  /** A file, or a plan that the model ships. */
  readonly plan: string;
  readonly out: string;
  /** Kept values that a forecast adds up at most. */
  readonly values: number;
  /** Runs of the whole model, each of a prompt of its own where there are enough. */
  readonly runs: number;
  readonly prompts?: string;
  /** The first run's seed. */
  readonly seed: number;
  readonly scheduler?: SchedulerName;
  readonly guidance?: number;
  readonly backend: "wasm" | "node";
  readonly json?: true;
}

/** Runs `phaseskip fit MODEL`. */
export async function fit(
  location: string,
  options: FitArguments,
  io: CommandIo,
): Promise<void> {
  const plan = await readPlan(location, options.plan);
  const numInferenceSteps = plan.steps?.numInferenceSteps ?? 50;
  const inputs = unetInputs(options);
  const study = await Study.open(location, {
    ...(inputs && { inputs }),
    device: options.backend,
    numInferenceSteps,
    ...(options.scheduler && { scheduler: options.scheduler }),
    ...(options.guidance !== undefined && { guidanceScale: options.guidance }),
    ...(io.signal && { signal: io.signal }),
  });
  try {
    const {
      valid: _valid,
      model: _model,
      ...template
    } = forecastTemplate(plan, options.values);
    const sites = study.forecasts(template);
    if (sites.length === 0) {
      throw new RangeError(
        `Cannot fit ${options.plan} as it must keep a unit's output or guidance's difference at some step: it keeps none`,
      );
    }
    const products = await collect(study, sites, options, io);
    const timesteps = study.scheduler.timesteps;
    const fitted = fitSites(sites, (site) => products.get(site)!, timesteps);
    const { calibration: _calibration, ...rest } = plan;
    const made = fittedPlan(
      { ...rest, steps: { numInferenceSteps } },
      fitted,
      options.values,
      {
        schedulers: [study.scheduler.name],
        numInferenceSteps: [numInferenceSteps, numInferenceSteps],
      },
    );
    const written: Plan = { ...made, model: { unet: await study.digest() } };
    const text = `${JSON.stringify(written)}\n`;
    await writeOutput("the plan", options.out, new TextEncoder().encode(text));
    const found = fitted.map(described);
    if (options.json) writeJson(io, { plan: options.out, forecasts: found });
    else io.stdout.write(found.map(line).join(""));
  } finally {
    await study.dispose();
  }
}

/** Inner products of every site, run by run. */
async function collect(
  study: Study,
  sites: readonly ForecastSite[],
  { runs, seed, prompts: file }: FitArguments,
  io: CommandIo,
): Promise<Map<ForecastSite, InnerProducts[]>> {
  const units = sites.map(({ unit }) => (unit === "guidance" ? "" : unit));
  const paths = [...new Set(units)];
  await study.prepareForecasts(paths);
  const texts = file
    ? await readPrompts(file, "fit with")
    : defaultPlanPrompts();
  const products = new Map<ForecastSite, InnerProducts[]>();
  const shown = progress(io.stderr);
  try {
    for (let i = 0; i < runs; i++) {
      shown.show("runs of the whole model", i, runs, `${i} of ${runs}`);
      const prompt = study.hasPrompt ? texts[i % texts.length] : undefined;
      const draw = { seed: seed + i, ...(prompt !== undefined && { prompt }) };
      const collector = study.collectProducts(paths);
      const run = await study.begin(draw);
      try {
        const end = study.scheduler.timesteps.length;
        await run.advance(run.start(), end, { collect: collector });
      } finally {
        run.dispose();
      }
      for (const site of sites) {
        const made =
          site.unit === "guidance"
            ? collector.differenceProducts()
            : collector.products(site.unit, site.contexts);
        products.set(site, [...(products.get(site) ?? []), made]);
      }
    }
  } finally {
    shown.clear();
  }
  return products;
}

async function readPlan(location: string, argument: string): Promise<Plan> {
  const found = await planArgument(argument);
  if (typeof found !== "string") return found;
  const folder = await openFolder(location, { cache: false });
  try {
    return { name: found, ...parsePlan(await loadPlan(folder, found)) };
  } finally {
    await folder.close();
  }
}

function described({ site, ...fitted }: FittedSite) {
  const { ridge, error, standsStill, isUsable } = fitted;
  return {
    unit: site.unit,
    contexts: site.contexts,
    steps: site.steps.length,
    ...{ ridge, error, standsStill, isUsable },
  };
}

function line(found: ReturnType<typeof described>): string {
  const { unit, contexts, steps, error, standsStill, isUsable } = found;
  const where = contexts.length === 1 ? ` (${contexts.join()})` : "";
  const what = isUsable ? "" : ", not forecast: left as it was";
  return `${unit || "the Unet's output"}${where}: ${steps} steps, error ${error.toPrecision(3)}, standing still ${standsStill.toPrecision(3)}${what}\n`;
}
