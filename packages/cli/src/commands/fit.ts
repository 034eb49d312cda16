// `phaseskip fit`: a plan whose kept values are forecast, with coefficients fitted on runs of the whole model.

import {
  defaultPlanPrompts,
  fitSites,
  fittedPlan,
  forecastTemplate,
  type FittedSite,
  type ForecastSite,
} from "@phaseskip/ablation";
import type { Plan, SchedulerName } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import { loadPlan, openFolder, Study } from "@phaseskip/runtime/internals";
import { writeJson, type CommandIo } from "../command-io.js";
import { writeOutput } from "../files/file.js";
import { hubRequest, type HubArguments } from "../files/hub-options.js";
import { planArgument } from "../files/plan-argument.js";
import { readPrompts } from "../files/prompt-file.js";
import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { ForecastRuns } from "../planning/forecast-runs.js";
import { progress } from "../terminal/progress.js";
import { schedulerChoice } from "../terminal/run-options.js";

/** The options of `fit`, read. */
export interface FitArguments extends HubArguments, UnetInputArguments {
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
  readonly schedulerOption?: readonly string[];
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
  const plan = await readPlan(location, options);
  const numInferenceSteps = plan.steps?.numInferenceSteps ?? 50;
  const scheduler = schedulerChoice(options.scheduler, options.schedulerOption);
  const inputs = unetInputs(options);
  const study = await Study.open(location, {
    ...(inputs && { inputs }),
    device: options.backend,
    hub: hubRequest(options),
    numInferenceSteps,
    ...(scheduler !== undefined && { scheduler }),
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
    const fitted = fitSites(sites, (site) => products.of(site)!, timesteps);
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

/** Runs of the whole model in which the sites' units were looked at. */
async function collect(
  study: Study,
  sites: readonly ForecastSite[],
  { runs, seed, prompts: file }: FitArguments,
  io: CommandIo,
): Promise<ForecastRuns> {
  const units = sites.map(({ unit }) => (unit === "guidance" ? "" : unit));
  const texts = file
    ? await readPrompts(file, "fit with")
    : defaultPlanPrompts();
  const draws = Array.from({ length: runs }, (_, i) => {
    const prompt = study.hasPrompt ? texts[i % texts.length] : undefined;
    return { seed: seed + i, ...(prompt !== undefined && { prompt }) };
  });
  const shown = progress(io.stderr);
  try {
    return await ForecastRuns.collect(
      study,
      [...new Set(units)],
      draws,
      (i, total) =>
        shown.show("runs of the whole model", i, total, `${i} of ${total}`),
    );
  } finally {
    shown.clear();
  }
}

async function readPlan(
  location: string,
  options: FitArguments,
): Promise<Plan> {
  const found = await planArgument(options.plan);
  if (typeof found !== "string") return found;
  const folder = await openFolder(location, {
    cache: false,
    hub: hubRequest(options),
  });
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
