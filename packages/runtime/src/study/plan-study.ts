// A model laid open for comparing plans: what each costs on its own live graphs, without running it, and what it draws.

import type { UnetInputs } from "../folder/input-names.js";
import type { HubRequest } from "../hub/hub-options.js";
import { openFolder } from "../folder/model-folder.js";
import { RunCosts } from "../pipeline/costs.js";
import { pipelineMacs } from "../pipeline/network-costs.js";
import { Model } from "../pipeline/model.js";
import type { Picture } from "../picture/picture.js";
import { planRun } from "../pipeline/plan-run.js";
import type { DenoiseOptions, GenerateOptions } from "../pipeline/request.js";
import { parseRequest } from "../pipeline/request.js";
import { runPipeline } from "../pipeline/run.js";
import { openDevice } from "../device/session.js";
import { computationOf } from "./computation.js";
import { measureChanges } from "./measure-changes.js";
import { respaced } from "./respaced.js";

/** How a model is opened for a comparison. */
export interface PlanStudyOptions {
  /** Where it runs, on one thread. @default "wasm" */
  readonly device?: "wasm" | "node";
  /** Timestep spacing instead of the model's: `leading`, `trailing` or `linspace`. @default the model's */
  readonly spacing?: string;
  /** Which of a network's files is taken. @default the best that the device runs */
  readonly dtype?: string;
  /** How the Unet calls what it takes. @default as diffusers does, or as the file beside it says */
  readonly inputs?: UnetInputs;
  /** How a model is found whose location is its name on a hub. */
  readonly hub?: HubRequest;
  /** Cancels opening and running. */
  readonly signal?: AbortSignal;
}

/** What a run would cost and do, before it runs. */
export interface PlanOutlook {
  /** Multiply-accumulates of the whole pipeline; where adaptive rules are to decide, they compute. */
  readonly macs: number;
  /** Those with the whole Unet on the same steps, what depends on text or timestep alone computed once. */
  readonly fullMacs: number;
  /** What the Unet is handed, step by step. */
  readonly timesteps: readonly number[];
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
  /** The sampler's short name. */
  readonly scheduler: string;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** What every step computes: equal for plans that come to the same; undefined where that is open before the run. */
  readonly computation: string | undefined;
}

/** A picture, and what it cost. */
export interface PlanPicture {
  /** The picture. */
  readonly picture: Picture;
  /** Multiply-accumulates of the whole pipeline. */
  readonly macs: number;
  /** What the caller should know, in sentences. */
  readonly warnings: readonly string[];
}

/** A model on a device, on which plans are compared. One run at a time. */
export class PlanStudy {
  readonly #model: Model;
  readonly #signal: AbortSignal | undefined;

  private constructor(model: Model, signal?: AbortSignal) {
    this.#model = model;
    this.#signal = signal;
  }

  /**
   * Loads a model.
   *
   * @param location path or URL of the model folder
   * @throws {PhaseskipError} As `loadPipeline` does
   */
  static async open(
    location: string | URL,
    options: PlanStudyOptions = {},
  ): Promise<PlanStudy> {
    const { device = "wasm", spacing, hub, signal, dtype, inputs } = options;
    const opened = await openDevice(device, { threads: 1 });
    const folder = await openFolder(location, {
      cache: false,
      ...(hub && { hub }),
      ...(signal && { signal }),
    });
    try {
      const spaced = respaced(folder, spacing);
      const model = await Model.load(spaced, opened, signal, dtype, inputs);
      return new PlanStudy(model, signal);
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** Whether it draws from a text. */
  get hasPrompt(): boolean {
    return this.#model.index.hasTextEncoder;
  }

  /** The model's digest, as plans know it. */
  async digest(): Promise<string> {
    return (await this.#model.digest(this.#signal))!;
  }

  /** Paths of all units that a plan can name, in the order of the Unet, as a run of one picture sees them. */
  async units(): Promise<string[]> {
    const request = parseRequest({});
    const run = await planRun(this.#model, request, this.#signal);
    return [...run.unet.units.units.keys()];
  }

  /**
   * Lays a run out, and counts its cost on the live graphs of its steps.
   * @throws {PhaseskipError} What the run would throw before its first step
   */
  async outlook(options: GenerateOptions): Promise<PlanOutlook> {
    const request = parseRequest(options, "plan a model");
    const run = await planRun(this.#model, request, this.#signal);
    const costs = new RunCosts(run);
    for (const step of run.schedule.steps) costs.step(step);
    const exact = costs.exact(run.contexts.length);
    const { total, full } = pipelineMacs(run.networks, run.shape[0], {
      macs: costs.macs,
      fullMacs: exact,
    });
    return {
      macs: total,
      fullMacs: full,
      timesteps: run.scheduler.timesteps,
      numTrainTimesteps: run.scheduler.timestepRange[1],
      scheduler: run.scheduler.name,
      guidanceScale: run.guidanceScale,
      computation: computationOf(run),
    };
  }

  /**
   * Draws one picture.
   * @throws {PhaseskipError} As `generate` does
   * @throws the abort reason
   */
  async draw(options: GenerateOptions): Promise<PlanPicture> {
    const asked: DenoiseOptions = options;
    const request = parseRequest(asked, "plan a model");
    const steps = runPipeline(this.#model, request, this.#signal);
    let step = await steps.next();
    while (!step.done) {
      this.#signal?.throwIfAborted();
      step = await steps.next();
    }
    const { images, report } = step.value;
    return {
      picture: images[0]!,
      macs: report.pipelineMacs.total,
      warnings: report.warnings,
    };
  }

  /**
   * Measures by how much each unit's residual changes from step to step, in a run of the whole Unet: what Block
   * Caching makes its schedules from.
   */
  changes(options: GenerateOptions): Promise<Record<string, number[]>> {
    const { plan: _plan, ...rest } = options;
    return measureChanges(this.#model, rest, this.#signal);
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    await this.#model.dispose();
  }
}
