// What a run costs in multiply-accumulates: one count for a plan's description and for a run's report.

import type { LiveGraph, Unet } from "@phaseskip/graph";
import { Dependency, nodeMacs } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { Schedule, ScheduledStep } from "../schedule/schedule.js";
import type { PlannedRun } from "./planned-run.js";
import type { TextRuns } from "./text-chunks.js";

/** Multiply-accumulates of a Unet's parts under a run's signatures; each is of one call. */
export interface PartCosts {
  /** The whole Unet. */
  readonly whole: number;
  /** What depends on the text alone, of the whole Unet and of what some step needs: once per prompt and context. */
  readonly text: { readonly whole: number; readonly used: number };
  /** What depends on the timestep alone, likewise: once for each timestep that differs from the one before. */
  readonly timestep: { readonly whole: number; readonly used: number };
  /** By signature: what runs in one step and context. */
  readonly signatures: readonly number[];
}

/**
 * Counts what the parts of a schedule cost.
 * @param idle units that are no part of the run
 */
export function partCosts(
  { graph, shapes, dependencies, units }: Unet,
  { signatures }: Pick<Schedule, "signatures">,
  idle: readonly string[] = [],
): PartCosts {
  const isIdle = (path: string) =>
    idle.some((unit) => path === unit || path.startsWith(`${unit}.`));
  const costs = {
    whole: 0,
    text: { whole: 0, used: 0 },
    timestep: { whole: 0, used: 0 },
    signatures: signatures.map(() => 0),
  };
  for (const node of graph.nodes) {
    if (dependencies.isFolded[node.index]) continue;
    if (isIdle(units.unitOf[node.index]!)) continue;
    const macs = nodeMacs(node, shapes);
    if (macs === 0) continue;
    costs.whole += macs;
    const bits = dependencies.nodes[node.index];
    if (bits === Dependency.text || bits === Dependency.timestep) {
      const once = bits === Dependency.text ? costs.text : costs.timestep;
      once.whole += macs;
      if (signatures.some(({ isLive }) => isLive[node.index]))
        once.used += macs;
    } else {
      signatures.forEach(({ isLive }, i) => {
        if (isLive[node.index]) costs.signatures[i]! += macs;
      });
    }
  }
  return costs;
}

/**
 * Unet calls that each context of a step counts for: those of a pair share one.
 * @param contexts how many the step has
 */
export function callsPerContext(
  { chunkCount, isPaired }: Pick<PlannedRun, "chunkCount" | "isPaired">,
  contexts: number,
): number {
  return isPaired ? chunkCount / contexts : chunkCount;
}

/** Whether a signature runs any of the Unet; where the whole output is kept, nothing runs. */
export function runsAnything({ isLive }: LiveGraph): boolean {
  return isLive.includes(true);
}

/** Adds up a run's steps in the order in which they run. */
export class RunCosts {
  /** The parts of one call. */
  readonly parts: PartCosts;
  readonly #shared: Pick<PlannedRun, "chunkCount" | "isPaired">;
  readonly #textRuns: TextRuns;
  readonly #begun = new Set<Context>();
  readonly #runs: readonly boolean[];
  #timestep: number | undefined;
  /** The timestep whose part was computed last. */
  #embedded: number | undefined;
  #macs = 0;
  #steps = 0;
  #timesteps = 0;

  /** @param run the Unet, its schedule, and how its images and contexts share Unet calls */
  constructor(
    run: Pick<
      PlannedRun,
      "unet" | "schedule" | "chunkCount" | "isPaired" | "textRuns"
    > &
      Partial<Pick<PlannedRun, "idleNets">>,
  ) {
    this.parts = partCosts(run.unet, run.schedule, run.idleNets);
    this.#runs = run.schedule.signatures.map(runsAnything);
    this.#shared = run;
    this.#textRuns = run.textRuns;
  }

  /**
   * Multiply-accumulates of a step, by context in their order. What is computed once is counted where it is first
   * needed: the text's part at its context's first step, the timestep's part in the step's first context that runs any
   * of the Unet.
   */
  step({ timestep, contexts }: ScheduledStep): number[] {
    const { text, timestep: embedded, signatures } = this.parts;
    const isNew = this.#timestep !== timestep;
    this.#timestep = timestep;
    this.#steps++;
    if (isNew) this.#timesteps++;
    const calls = callsPerContext(this.#shared, contexts.length);
    return contexts.map(({ context, signature }) => {
      let macs = signatures[signature]! * calls;
      if (!this.#begun.has(context))
        macs += text.used * this.#textRuns[context];
      this.#begun.add(context);
      if (this.#runs[signature] && this.#embedded !== timestep) {
        macs += embedded.used;
        this.#embedded = timestep;
      }
      this.#macs += macs;
      return macs;
    });
  }

  /** All steps so far. */
  get macs(): number {
    return this.#macs;
  }

  /**
   * The whole Unet at each of these steps, every call in full.
   * @param contexts 2 or 3 where guidance is on, else 1
   */
  full(contexts: number): number {
    return this.#calls(contexts) * this.parts.whole;
  }

  /** The same with what depends on the text or the timestep alone computed once: the exact savings. */
  exact(contexts: number): number {
    const { text, timestep } = this.parts;
    const calls = this.#calls(contexts);
    const { cond, uncond } = this.#textRuns;
    const texts = cond + (contexts - 1) * uncond;
    return (
      this.full(contexts) -
      text.whole * (calls - texts) -
      timestep.whole * (calls - this.#timesteps)
    );
  }

  /** Calls of all steps so far, each with that many contexts. */
  #calls(contexts: number): number {
    return this.#steps * contexts * callsPerContext(this.#shared, contexts);
  }
}
