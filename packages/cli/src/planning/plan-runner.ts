// Runs plans for the planner: on one thread, each picture compared with the full model's from the same noise.

import { createHash } from "node:crypto";
import { convergedSampler, leastAgreement } from "@phaseskip/ablation";
import type {
  Contestant,
  Draw,
  DrawGroups,
  PlanRunner,
  Quality,
  SplitName,
} from "@phaseskip/ablation";
import { mean, ssim, type Picture } from "@phaseskip/metrics";
import {
  PhaseskipError,
  type GenerateOptions,
  type Plan,
  type SchedulerName,
} from "@phaseskip/runtime";
import { emptyPlan, type PlanStudy } from "@phaseskip/runtime/internals";
import type { PlanForecasts } from "./plan-forecasts.js";
import type { PlanJournal } from "./plan-journal.js";

/** The sampler that everything is compared on. */
export interface StudySampler {
  readonly scheduler: SchedulerName;
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
}

/** What a runner needs. */
export interface StudyRunnerOptions {
  /** The model. */
  readonly study: PlanStudy;
  /** Opens the model with another timestep spacing; the runner closes it. */
  readonly openSpaced: (spacing: string) => Promise<PlanStudy>;
  readonly sampler: StudySampler;
  readonly journal: PlanJournal;
  /** Steps of the converged path that the test is compared with, too; 0 is none. */
  readonly converged: number;
  /** Puts forecasts in place of what plans keep. @default plans run as they are */
  readonly forecasts?: PlanForecasts;
  /** Told of each picture of a candidate: of which split, and whether an earlier run has left it. */
  readonly onPicture: (split: SplitName, isKnown: boolean) => void;
  /** Told of each picture of the full model: how many of those that are missing there are now. */
  readonly onFull: (done: number, total: number) => void;
}

/** What is known of a plan before it runs. */
interface Outlook {
  /** Multiply-accumulates over the full model's; undefined where the model refuses the plan. */
  readonly cost: number | undefined;
  /** The same for plans that compute the same. */
  readonly identity: string;
}

/** Runs plans on a model. */
export class StudyRunner implements PlanRunner {
  readonly #options: StudyRunnerOptions;
  readonly #splits = new Map<SplitName, DrawGroups>();
  readonly #full = new Map<string, Picture>();
  readonly #converged = new Map<string, Picture | null>();
  readonly #spaced = new Map<string, PlanStudy>();
  readonly #outlooks = new Map<string, Outlook>();
  #fullMacs: number | undefined;

  constructor(options: StudyRunnerOptions) {
    this.#options = options;
  }

  /** Says what a split is; the test is drawn when the plan is known. */
  setSplit(name: SplitName, groups: DrawGroups): void {
    this.#splits.set(name, groups);
  }

  count(split: SplitName): number {
    return this.#groups(split).flat().length;
  }

  async cost(contestant: Contestant): Promise<number | undefined> {
    return (await this.#outlook(contestant)).cost;
  }

  async identity(contestant: Contestant): Promise<string> {
    return (await this.#outlook(contestant)).identity;
  }

  /** What is known before a run; without a cost where the plan is refused. */
  async #outlook(contestant: Contestant): Promise<Outlook> {
    const { plan, scheduler, spacing } = contestant;
    const { name: _name, ...what } = plan;
    const key = digestOf({ what, scheduler, spacing });
    const known = this.#outlooks.get(key);
    if (known) return known;
    const found = await this.#lookAt(contestant, key);
    this.#outlooks.set(key, found);
    return found;
  }

  async #lookAt(contestant: Contestant, key: string): Promise<Outlook> {
    try {
      const study = await this.#study(contestant);
      const { forecasts } = this.#options;
      const plan = forecasts?.template(contestant.plan) ?? contestant.plan;
      const { macs, computation } = await study.outlook(
        this.#request({ ...contestant, plan }),
      );
      const identity =
        computation === undefined
          ? key
          : digestOf({ computation, spacing: contestant.spacing });
      return { cost: macs / (await this.fullMacs()), identity };
    } catch (error) {
      const isRefused =
        error instanceof PhaseskipError
          ? error.code === "plan-invalid"
          : error instanceof RangeError;
      if (isRefused) return { cost: undefined, identity: key };
      throw error;
    }
  }

  /** A plan as it is run: with fitted forecasts, where there are any. */
  resolved(plan: Plan): Plan {
    return this.#options.forecasts?.fitted(plan) ?? plan;
  }

  /** Multiply-accumulates of the full model's run, what depends on text or timestep alone computed once. */
  async fullMacs(): Promise<number> {
    const { study } = this.#options;
    const full = { name: "full", plan: emptyPlan };
    this.#fullMacs ??= (await study.outlook(this.#request(full))).fullMacs;
    return this.#fullMacs;
  }

  async measure(contestant: Contestant, split: SplitName): Promise<Quality> {
    const groups = this.#groups(split);
    const { plan, scheduler, spacing } = contestant;
    const { name: _name, ...what } = plan;
    const { converged } = this.#options;
    const isConverged = split === "test" && converged > 0;
    const key = digestOf({
      ...{ what, scheduler, spacing, groups },
      ...(isConverged && { converged }),
    });
    const known = this.#options.journal.measured(key);
    if (known) {
      groups.flat().forEach(() => this.#options.onPicture(split, true));
      return known;
    }
    const study = await this.#study(contestant);
    const own = { ...contestant, plan: this.resolved(plan) };
    const costs: number[] = [];
    const all: number[][] = [];
    const toConverged: number[][] = [];
    // references first: other sessions are not made in between
    const missing = groups
      .flat()
      .filter((draw) => !this.#full.has(drawKey(draw)));
    for (const [i, draw] of missing.entries()) {
      await this.#reference(draw);
      if (isConverged) await this.#convergedPath(draw);
      this.#options.onFull(i + 1, missing.length);
    }
    for (const group of groups) {
      const values: number[] = [];
      const ends: number[] = [];
      for (const draw of group) {
        const { picture, macs } = await study.draw({
          ...this.#request(own),
          ...draw,
        });
        values.push(ssim(picture, await this.#reference(draw)));
        const end = isConverged && (await this.#convergedPath(draw));
        if (end) ends.push(ssim(picture, end));
        costs.push(macs / (await this.fullMacs()));
        this.#options.onPicture(split, false);
      }
      all.push(values);
      if (ends.length > 0) toConverged.push(ends);
    }
    const quality: Quality = {
      ssim: all,
      ...(toConverged.length > 0 && { converged: toConverged }),
      cost: mean(costs),
    };
    await this.#options.journal.keep(key, quality);
    return quality;
  }

  /** Closes what it opened. */
  async close(): Promise<void> {
    for (const study of this.#spaced.values()) await study.dispose();
    this.#spaced.clear();
  }

  async #reference(draw: Draw): Promise<Picture> {
    const key = drawKey(draw);
    const known = this.#full.get(key);
    if (known) return known;
    const full = this.#request({ name: "full", plan: emptyPlan });
    const { picture } = await this.#options.study.draw({ ...full, ...draw });
    this.#full.set(key, picture);
    return picture;
  }

  /** The end of the converged path from the same noise; null where half as many steps lead elsewhere. */
  async #convergedPath(draw: Draw): Promise<Picture | null> {
    const key = drawKey(draw);
    const known = this.#converged.get(key);
    if (known !== undefined) return known;
    const { converged } = this.#options;
    const [half, end] = [
      await this.#path(Math.floor(converged / 2), draw),
      await this.#path(converged, draw),
    ];
    const found = ssim(half, end) >= leastAgreement ? end : null;
    this.#converged.set(key, found);
    return found;
  }

  async #path(numInferenceSteps: number, draw: Draw): Promise<Picture> {
    const { scheduler, spacing } = convergedSampler;
    const { guidanceScale } = this.#options.sampler;
    const study = await this.#spacedStudy(spacing);
    const options = { scheduler, guidanceScale, numInferenceSteps, ...draw };
    return (await study.draw(options)).picture;
  }

  /** @throws {RangeError} If the model's sampler does not take so many steps as the converged path has */
  async checkConverged(): Promise<void> {
    const { scheduler, spacing } = convergedSampler;
    const { converged: numInferenceSteps } = this.#options;
    if (numInferenceSteps === 0) return;
    const study = await this.#spacedStudy(spacing);
    try {
      await study.outlook({ scheduler, numInferenceSteps });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new RangeError(
        `Cannot run --converged ${numInferenceSteps}: ${cause.message}`,
        { cause },
      );
    }
  }

  #groups(split: SplitName): DrawGroups {
    return this.#splits.get(split) ?? [];
  }

  #request({ plan, scheduler }: Contestant): GenerateOptions {
    const { sampler } = this.#options;
    const { numInferenceSteps } = sampler;
    const own: Plan = { ...plan, steps: plan.steps ?? { numInferenceSteps } };
    return {
      plan: own,
      scheduler: (scheduler as SchedulerName | undefined) ?? sampler.scheduler,
      guidanceScale: sampler.guidanceScale,
    };
  }

  async #study({ spacing }: Contestant): Promise<PlanStudy> {
    return spacing === undefined
      ? this.#options.study
      : this.#spacedStudy(spacing);
  }

  async #spacedStudy(spacing: string): Promise<PlanStudy> {
    const known = this.#spaced.get(spacing);
    if (known) return known;
    const opened = await this.#options.openSpaced(spacing);
    this.#spaced.set(spacing, opened);
    return opened;
  }
}

function drawKey({ seed, prompt }: Draw): string {
  return `${seed} ${prompt ?? ""}`;
}

/** SHA-256 of a value's JSON, as hexadecimal digits. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
