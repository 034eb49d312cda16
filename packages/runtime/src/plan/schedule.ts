// A plan on a model and a list of timesteps: what runs at every step, worked out before anything runs.

import type { LiveGraph, Port, PortState, Unet } from "@phaseskip/graph";
import { PhaseskipError, liveGraph, portKey } from "@phaseskip/graph";
import { checkConditions, checkSteps, matchUnits } from "./check-plan.js";
import { isInPhase } from "./in-phase.js";
import type { Context, Refresh } from "./plan.js";
import type { ScheduleRequest } from "./schedule-request.js";

/** What one context does at one step. */
export interface ScheduledContext {
  /** The stream through the Unet. */
  readonly context: Context;
  /** Index into `Schedule.signatures`. */
  readonly signature: number;
  /** Ports whose value is kept at this step, because a later one reuses it. */
  readonly stores: readonly Port[];
  /** Keys of ports whose cached value no later step reuses. */
  readonly drops: readonly string[];
  /** Acted-on units that are computed. */
  readonly computed: readonly string[];
  /** Units that are reused, with the number of steps since they were computed. */
  readonly reused: ReadonlyMap<string, number>;
  /** Units that are zeroed. */
  readonly zeroed: readonly string[];
}

/** What happens at one step. */
export interface ScheduledStep {
  /** Counts the run's timesteps, from 0, the noisiest. */
  readonly stepIndex: number;
  /** What the Unet is handed. */
  readonly timestep: number;
  /** Guidance weight at this step; undefined where `cond` runs alone. */
  readonly guidanceScale: number | undefined;
  /** What is added to the sample before the step, as a multiple of the initial one; 0 is nothing. */
  readonly priorNoise: number;
  /** In the order in which they run. */
  readonly contexts: readonly ScheduledContext[];
}

/** A run, step by step. */
export interface Schedule {
  /** The distinct live graphs of the run. */
  readonly signatures: readonly LiveGraph[];
  /** Step by step, in running order. */
  readonly steps: readonly ScheduledStep[];
  /** What is odd about the plan on this run, though not wrong. */
  readonly warnings: readonly string[];
}

/**
 * Simulates all steps of a plan in both contexts.
 *
 * @throws {PhaseskipError} `plan-invalid` that names the rule, step and context
 */
export function schedulePlan(unet: Unet, request: ScheduleRequest): Schedule {
  const { plan, timesteps } = request;
  checkConditions(request);
  checkSteps(plan, timesteps.length);
  const matching = matchUnits(unet, plan);
  const simulation = new Simulation(unet, request, matching);
  const steps = timesteps.map((timestep, stepIndex) =>
    simulation.step(stepIndex, timestep),
  );
  return simulation.finish(steps);
}

type Draft = {
  context: Context;
  signature: number;
  states: LiveGraph["ports"];
  computed: Port[];
  reused: Map<string, number>;
  zeroed: string[];
};
type DraftStep = Omit<ScheduledStep, "contexts"> & { contexts: Draft[] };

interface Computed {
  readonly stepIndex: number;
  readonly timestep: number;
}

class Simulation {
  readonly #unet: Unet;
  readonly #request: ScheduleRequest;
  /** Indices of the rules that match a unit, in the plan's order. */
  readonly #matching: ReadonlyMap<string, readonly number[]>;
  readonly #acted: ReadonlySet<string>;
  readonly #signatures = new Map<string, number>();
  readonly #graphs: LiveGraph[] = [];
  /** When each port was last computed, by context and port. */
  readonly #computed = {
    cond: new Map<string, Computed>(),
    uncond: new Map<string, Computed>(),
  };
  /** Which rule applied to each unit at the step before, by context. */
  readonly #before = {
    cond: new Map<string, number>(),
    uncond: new Map<string, number>(),
  };
  readonly #reached = new Set<number>();
  readonly #reachedGuidance = new Set<number>();

  constructor(
    unet: Unet,
    request: ScheduleRequest,
    matching: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#unet = unet;
    this.#request = request;
    this.#matching = matching;
    this.#acted = new Set(matching.keys());
  }

  step(stepIndex: number, timestep: number): DraftStep {
    const { guidanceScale, isGuided = guidanceScale !== 1 } = this.#request;
    const scale = isGuided ? this.#guidanceAt(timestep) : undefined;
    const contexts: Context[] =
      scale === undefined ? ["cond"] : ["cond", "uncond"];
    const drafts = contexts.map((context) =>
      this.#context(context, stepIndex, timestep),
    );
    for (const context of ["cond", "uncond"] as const) {
      const before = this.#before[context];
      for (const unit of this.#acted)
        before.set(unit, this.#ruleAt(unit, context, timestep));
    }
    const { priorNoise: prior } = this.#request.plan;
    const priorNoise =
      prior && this.#isIn(prior.phases, timestep) ? prior.weight : 0;
    return {
      stepIndex,
      timestep,
      guidanceScale: scale,
      priorNoise,
      contexts: drafts,
    };
  }

  finish(steps: readonly DraftStep[]): Schedule {
    const { rules, guidance = [], priorNoise } = this.#request.plan;
    const unreached = [
      ...rules.flatMap(({ action, units }, i) =>
        this.#reached.has(i)
          ? []
          : [`rules[${i}] (${action} ${units.join(", ")})`],
      ),
      ...guidance.flatMap((_, i) =>
        this.#reachedGuidance.has(i) ? [] : [`guidance[${i}]`],
      ),
      ...(priorNoise && steps.every((step) => step.priorNoise === 0)
        ? ["priorNoise"]
        : []),
    ];
    const warnings = unreached.map(
      (rule) => `${rule} applies at no step of this run`,
    );
    // whether a later step reads what a step computes shows only from the end
    const wanted = { cond: new Set<string>(), uncond: new Set<string>() };
    const scheduled = [...steps].reverse().map((step) => ({
      ...step,
      contexts: step.contexts.map(
        ({ context, signature, states, computed, reused, zeroed }) => {
          const later = wanted[context];
          const drops: string[] = [];
          const stores = computed.filter((port) => later.delete(portKey(port)));
          for (const [key, { state }] of states) {
            if (state !== "cache") continue;
            if (!later.has(key)) drops.push(key);
            later.add(key);
          }
          const units = [...new Set(computed.map((port) => port.unit))];
          return {
            context,
            signature,
            stores,
            drops,
            computed: units,
            reused,
            zeroed,
          };
        },
      ),
    }));
    return { signatures: this.#graphs, steps: scheduled.reverse(), warnings };
  }

  #context(context: Context, stepIndex: number, timestep: number): Draft {
    const computed: Port[] = [];
    const reused = new Map<string, number>();
    const zeroed = new Set<string>();
    const live = liveGraph(this.#unet, this.#acted, (port) => {
      const state = this.#decide(port, context, stepIndex, timestep);
      if (state === "fresh") computed.push(port);
      if (state === "zero") zeroed.add(port.unit);
      if (state === "cache") {
        const age =
          stepIndex - this.#computed[context].get(portKey(port))!.stepIndex;
        reused.set(port.unit, Math.max(age, reused.get(port.unit) ?? 0));
      }
      return state;
    });
    for (const port of computed)
      this.#computed[context].set(portKey(port), { stepIndex, timestep });
    return {
      context,
      signature: this.#signature(live),
      states: live.ports,
      computed,
      reused,
      zeroed: [...zeroed],
    };
  }

  #signature(live: LiveGraph): number {
    const acting = [...live.ports].filter(([, { state }]) => state !== "fresh");
    const key = acting
      .map(([port, { state }]) => `${port} ${state}`)
      .sort()
      .join("\n");
    const known = this.#signatures.get(key);
    if (known !== undefined) return known;
    this.#signatures.set(key, this.#graphs.length);
    return this.#graphs.push(live) - 1;
  }

  #decide(
    port: Port,
    context: Context,
    stepIndex: number,
    timestep: number,
  ): PortState {
    const index = this.#ruleAt(port.unit, context, timestep);
    const rule = this.#request.plan.rules[index];
    if (!rule) return "fresh";
    this.#reached.add(index);
    if (rule.action === "run") return "fresh";
    const isOutput = !("value" in rule) || rule.value === "output";
    if (rule.action === "zero" && isOutput) return "zero";
    if (rule.action !== "reuse" || !isOutput)
      throw new PhaseskipError(
        "plan-invalid",
        `Cannot run the plan as rules[${index}] asks for what is not there yet: ${rule.action}`,
      );
    const last = this.#computed[context].get(portKey(port));
    const isFirst = this.#before[context].get(port.unit) !== index;
    if (this.#isDue(rule.refresh, last, stepIndex, timestep, isFirst))
      return "fresh";
    if (last) return "cache";
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run the plan as rules[${index}] reuses ${port.unit} at step ${stepIndex} (timestep ${timestep}, ${context}), where its value is needed and no earlier step computed it: let it run before, or refresh it at this step`,
    );
  }

  #isDue(
    refresh: Refresh,
    last: Computed | undefined,
    stepIndex: number,
    timestep: number,
    isFirst: boolean,
  ): boolean {
    if (refresh === "never") return false;
    if ("every" in refresh)
      return isFirst || !last || stepIndex - last.stepIndex >= refresh.every;
    if ("everyTimesteps" in refresh) {
      return (
        isFirst || !last || last.timestep - timestep >= refresh.everyTimesteps
      );
    }
    if ("at" in refresh) return refresh.at.includes(stepIndex);
    const { timesteps } = this.#request;
    return refresh.atTimesteps.some(
      (limit) => timesteps.findIndex((t) => t <= limit) === stepIndex,
    );
  }

  /** The index of the last rule that matches, or -1. */
  #ruleAt(unit: string, context: Context, timestep: number): number {
    const { rules } = this.#request.plan;
    return (
      this.#matching.get(unit)!.findLast((index) => {
        const rule = rules[index]!;
        return (
          (rule.contexts ?? [context]).includes(context) &&
          this.#isIn(rule.phases, timestep)
        );
      }) ?? -1
    );
  }

  #guidanceAt(timestep: number): number | undefined {
    const { plan, guidanceScale } = this.#request;
    const { guidance = [] } = plan;
    const index = guidance.findLastIndex(({ phases }) =>
      this.#isIn(phases, timestep),
    );
    const rule = guidance[index];
    if (!rule) return guidanceScale;
    this.#reachedGuidance.add(index);
    if ("action" in rule && rule.action === "delta")
      throw new PhaseskipError(
        "plan-invalid",
        `Cannot run the plan as guidance[${index}] asks for what is not there yet: delta`,
      );
    if ("action" in rule || rule.scale === 1) return undefined;
    return rule.scale;
  }

  #isIn(names: readonly string[] | undefined, timestep: number): boolean {
    if (!names) return true;
    const { plan, numTrainTimesteps } = this.#request;
    return plan.phases.some(
      (phase) =>
        names.includes(phase.name) &&
        isInPhase(phase, timestep, numTrainTimesteps),
    );
  }
}
