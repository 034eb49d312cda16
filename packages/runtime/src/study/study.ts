// A model laid open for measurements: whole runs and runs in which rules act for some steps, on one partition, so
// that their numbers can be compared byte for byte.

import { PhaseskipError, type Graph } from "@phaseskip/graph";
import type { Scheduler } from "@phaseskip/scheduler";
import type { HubRequest } from "../hub/hub-options.js";
import { openFolder } from "../folder/model-folder.js";
import { partCosts } from "../pipeline/costs.js";
import type { PartCosts } from "../pipeline/costs.js";
import { Model } from "../pipeline/model.js";
import type { Picture } from "../picture/picture.js";
import { samplePicture } from "../picture/picture.js";
import type { PlannedRun } from "../pipeline/planned-run.js";
import { planRun } from "../pipeline/plan-run.js";
import { parseRequest } from "../pipeline/request.js";
import type { SchedulerChoice } from "../pipeline/request.js";
import { beginRun, checkPrompt } from "../pipeline/run-setup.js";
import { emptyPlan } from "../plan/plan.js";
import type { Context, Plan, Rule } from "../plan/plan.js";
import { parsePlan } from "../plan/parse-plan.js";
import { matchesPattern } from "../plan/pattern.js";
import type { ScheduledStep } from "../schedule/schedule.js";
import { schedulePlan } from "../schedule/schedule.js";
import { openDevice } from "../device/session.js";
import type { UnetInputs } from "../folder/input-names.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { PlannedForecast } from "./forecast-sites.js";
import { forecastSites } from "./forecast-sites.js";
import { MeansCollector } from "./means-collector.js";
import { ProductsCollector } from "./products-collector.js";
import { respaced } from "./respaced.js";
import { Signatures } from "./signatures.js";
import { StudyRun } from "./study-run.js";
import type { StudyWindow } from "./study-window.js";

export type { StudyWindow } from "./study-window.js";

/** How a model is opened for a study. */
export interface StudyOptions {
  /** Where it runs, on one thread. @default "wasm" */
  readonly device?: "wasm" | "node";
  /** A scheduler's short name, or it with options, as `generate()` takes them. @default the model's */
  readonly scheduler?: string | SchedulerChoice;
  /** Steps of every run. @default 50 */
  readonly numInferenceSteps?: number;
  /** Timestep spacing instead of the model's: `leading`, `trailing` or `linspace`. @default the model's */
  readonly spacing?: string;
  /** Guidance weight of every run; 1 is off. @default the model's, else 7.5 for text, 1 without */
  readonly guidanceScale?: number;
  /** How the Unet calls what it takes. @default as diffusers does, or as the file beside it says */
  readonly inputs?: UnetInputs;
  /** How a model is found whose location is its name on a hub. */
  readonly hub?: HubRequest;
  /** Cancels opening and running. */
  readonly signal?: AbortSignal;
}

/** A unit as a study sees it. */
export interface StudyUnit {
  /** Its path. */
  readonly path: string;
  /** For a skip: the unit, as deep as possible, that makes what it hands over. */
  readonly source?: string;
}

/** What is drawn: a text where the model takes one, and a seed. */
export interface StudyDraw {
  /** The text. */
  readonly prompt?: string;
  /** Of the initial noise and of the steps' noise. */
  readonly seed: number;
}

/** A model on a device. One run at a time. */
export class Study {
  readonly #model: Model;
  readonly #run: PlannedRun;
  readonly #signal: AbortSignal | undefined;
  readonly #signatures: Signatures;
  readonly #windows = new Map<string, readonly ScheduledStep[]>();
  #means: ChannelMeans | undefined;
  #costs: PartCosts | undefined;

  private constructor(model: Model, run: PlannedRun, signal?: AbortSignal) {
    this.#model = model;
    this.#run = run;
    this.#signal = signal;
    this.#signatures = new Signatures(run.schedule);
  }

  /**
   * Loads a model. Sessions are made by {@link prepare}.
   *
   * @param location path or URL of the model folder
   * @throws {RangeError} If an option is out of range
   * @throws {PhaseskipError} As `loadPipeline` does
   */
  static async open(
    location: string | URL,
    options: StudyOptions = {},
  ): Promise<Study> {
    const { device = "wasm", spacing, hub, signal, inputs, ...asked } = options;
    const request = parseRequest(asked as object, "study a model");
    const opened = await openDevice(device, { threads: 1 });
    const folder = await openFolder(location, {
      cache: false,
      ...(hub && { hub }),
      ...(signal && { signal }),
    });
    let model: Model | undefined;
    try {
      const spaced = respaced(folder, spacing);
      model = await Model.load(spaced, opened, signal, undefined, inputs);
      const whole = { ...request, plan: emptyPlan };
      const run = await planRun(model, whole, signal, false);
      return new Study(model, run, signal);
    } catch (error) {
      await (model ?? { dispose: () => folder.close() }).dispose();
      throw error;
    }
  }

  /** The sampler. */
  get scheduler(): Scheduler {
    return this.#run.scheduler;
  }

  /** Guidance weight of every run; 1 is off. */
  get guidanceScale(): number {
    return this.#run.guidanceScale;
  }

  /** The streams of every run. */
  get contexts(): readonly Context[] {
    return this.#run.contexts;
  }

  /** Whether it draws from a text. */
  get hasPrompt(): boolean {
    return this.#model.index.hasTextEncoder;
  }

  /** The build of ONNX Runtime that it runs on. */
  get onnxRuntime(): string {
    return this.#model.device.build;
  }

  /** The version of the plan language, and of what runs it. */
  get planLanguage(): string {
    return `${emptyPlan.format} ${emptyPlan.version}`;
  }

  /** Whether samples become pictures through a VAE. */
  get hasVae(): boolean {
    return this.#model.index.hasVae;
  }

  /** `[channel, height, width]` of a sample. */
  get sampleDims(): readonly [number, number, number] {
    const [, channels, height, width] = this.#run.shape;
    return [channels, height, width];
  }

  /** The model's digest, as plans know it. */
  async digest(): Promise<string> {
    return (await this.#model.digest(this.#signal))!;
  }

  /** Every unit that a plan can act on, in the order of the Unet. */
  units(): StudyUnit[] {
    const { graph, units } = this.#run.unet;
    return [...units.units.values()].map(({ path, skip }) => {
      const source = skip && makerOf(graph, units.unitOf, skip.value);
      return { path, ...(source !== undefined && { source }) };
    });
  }

  /**
   * The units that patterns match, in the order of the Unet.
   * @throws {RangeError} If a pattern matches none
   */
  match(patterns: readonly string[]): string[] {
    const paths = [...this.#run.unet.units.units.keys()];
    const matches = patterns.map((pattern) => {
      const found = paths.filter((path) => matchesPattern(pattern, path));
      if (found.length > 0) return found;
      throw new RangeError(
        `Cannot study the unit ${pattern} as it must be a unit of this model: it has ${paths.slice(0, 4).join(", ")} and ${Math.max(0, paths.length - 4)} more; phaseskip inspect lists them`,
      );
    });
    const all = new Set(matches.flat());
    return paths.filter((path) => all.has(path));
  }

  /**
   * Why rules cannot act on this model at a step of their own; undefined where they can.
   * @throws {TypeError} If they are no rules of the plan language
   */
  refusal(rules: readonly Rule[]): string | undefined {
    try {
      this.#schedule({ rules, firstStep: 0, endStep: 1 });
      return undefined;
    } catch (error) {
      if (error instanceof PhaseskipError && error.code === "plan-invalid")
        return error.message;
      throw error;
    }
  }

  /** Multiply-accumulates of the Unet: of a full run, and what a window saves of it, all contexts. */
  macs(window: StudyWindow): { readonly full: number; readonly saved: number } {
    const steps = this.#steps(window);
    const { signatures } = this.#signatures;
    if (this.#costs?.signatures.length !== signatures.length)
      this.#costs = partCosts(this.#run.unet, { signatures });
    const costs = this.#costs;
    const sum = (all: readonly ScheduledStep[]) =>
      all
        .flatMap(({ contexts }) => contexts)
        .reduce((total, one) => total + costs.signatures[one.signature]!, 0);
    const full = this.#run.schedule.steps;
    const { firstStep, endStep } = window;
    return {
      full: sum(full),
      saved: sum(full.slice(firstStep, endStep)) - sum(steps),
    };
  }

  /**
   * Cuts the Unet so that all windows can run, and makes the sessions. Every later run uses this partition, so two
   * studies that prepared the same windows give the same bytes.
   *
   * @param windows all windows that will run
   */
  async prepare(windows: readonly StudyWindow[]): Promise<void> {
    for (const window of windows) this.#steps(window);
    await this.#model.unet.prepare(
      this.#run.unet,
      this.#signatures.signatures,
      this.#signal,
      this.#means,
    );
  }

  /**
   * Takes the means of units' outputs over full runs: give it to their `advance`, then its means to {@link setMeans}.
   * @param patterns of units that a prepared window puts means in place of
   */
  collectMeans(patterns: readonly string[]): MeansCollector {
    const { unet, batch } = this.#run;
    return new MeansCollector(unet, this.match(patterns), batch);
  }

  /**
   * Where a plan's rules forecast, on this study's run: its number of steps must be the study's.
   * @throws {PhaseskipError} `plan-invalid` as a run does
   */
  forecasts(plan: Plan): PlannedForecast[] {
    const { unet, scheduler, guidanceScale } = this.#run;
    return forecastSites(unet, {
      plan: parsePlan(plan),
      timesteps: scheduler.timesteps,
      numTrainTimesteps: scheduler.timestepRange[1],
      guidanceScale,
      scheduler: scheduler.name,
    });
  }

  /**
   * Takes inner products between units' outputs over one full run: give it to its `advance`.
   * @param paths of units that {@link prepareForecasts} was told of
   */
  collectProducts(paths: readonly string[]): ProductsCollector {
    const { unet, batch } = this.#run;
    return new ProductsCollector(unet, paths, batch);
  }

  /** Cuts the Unet so that these units' outputs can be looked at, and makes the sessions. */
  async prepareForecasts(paths: readonly string[]): Promise<void> {
    // one by one: inside a unit that is kept no other is looked at
    const windows = paths.map((path): StudyWindow => {
      const rule = { action: "reuse", refresh: { every: 2 } } as const;
      const rules = [{ units: [path], ...rule }];
      return { rules, firstStep: 0, endStep: 2 };
    });
    await this.prepare(windows);
  }

  /** Says what the action `mean` puts in place of outputs; until then these are zeros. */
  async setMeans(means: ChannelMeans): Promise<void> {
    this.#means = means;
    await this.prepare([]);
  }

  /**
   * Begins a run; `dispose` frees it. Several may be open, but only one may go on at a time.
   * @throws {TypeError} If the model needs a text and there is none, or the other way round
   */
  async begin(draw: StudyDraw): Promise<StudyRun> {
    const request = parseRequest(draw, "study a model");
    checkPrompt(this.#model, request);
    const setup = await beginRun(this.#model, this.#run, request);
    return new StudyRun(
      this.#model,
      setup,
      (window) => this.#steps(window),
      this.#signal,
    );
  }

  /** A sample as a picture; through the VAE where there is one. */
  async picture(sample: Float32Array<ArrayBuffer>): Promise<Picture> {
    const [, height, width] = this.sampleDims;
    const isTiled = this.#run.networks.isTiled(this.#model.device);
    const whole = { data: sample, height, width };
    const pixels = await this.#model.decode(whole, isTiled);
    return samplePicture(pixels.data, pixels.height, pixels.width);
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    await this.#model.dispose();
  }

  #steps(window: StudyWindow): readonly ScheduledStep[] {
    const key = JSON.stringify(window);
    const known = this.#windows.get(key);
    if (known) return known;
    const steps = this.#schedule(window);
    this.#windows.set(key, steps);
    return steps;
  }

  #schedule({ rules, firstStep, endStep }: StudyWindow): ScheduledStep[] {
    const { unet, scheduler, guidanceScale, contexts } = this.#run;
    const patterns = rules.flatMap((rule) =>
      rule.action === "mean" ? rule.units : [],
    );
    const means =
      patterns.length > 0
        ? MeansCollector.zeros(unet, this.match(patterns), [0])
        : undefined;
    const schedule = schedulePlan(unet, {
      plan: parsePlan({ ...emptyPlan, rules }),
      timesteps: scheduler.timesteps.slice(firstStep, endStep),
      startIndex: firstStep,
      numTrainTimesteps: scheduler.timestepRange[1],
      guidanceScale,
      contexts,
      scheduler: scheduler.name,
      ...(means && { means }),
    });
    return this.#signatures.adopt(schedule, firstStep);
  }
}

/** The deepest unit that makes a value; undefined for an input of the graph. */
function makerOf(
  graph: Graph,
  unitOf: readonly string[],
  value: string,
): string | undefined {
  const producer = graph.producers.get(value);
  return producer && (unitOf[producer.index] || undefined);
}
