// Adaptive rules: what they can decide, what they decide in a run, and what that leads to.

import type { Port, Unet } from "@phaseskip/graph";
import { PhaseskipError, liveGraph, portKey } from "@phaseskip/graph";
import type { AdaptiveDecision } from "./adaptive-decision.js";
import { decisionKey } from "./adaptive-decision.js";
import type { AdaptiveAction, Context, Plan, Rule } from "../plan/plan.js";
import type { CachedRead } from "./port-decision.js";
import type { RunState } from "./run-state.js";
import { cacheEntry } from "./run-state.js";
import type { Draft, Simulation } from "./simulation.js";
import type { Timeline } from "./timeline.js";

/** A question to the device: how much a probe has changed since the step before. */
export interface ProbeQuestion {
  /** Where the value is taken. */
  readonly port: Port;
  /** Index into the signatures: what computes it. */
  readonly signature: number;
  /** Kept values that this reads. */
  readonly reads: ReadonlyMap<string, CachedRead>;
  /** What the cache calls the value of the step before. */
  readonly before: string;
}

/** A rule that is next to decide: by an answer, or without one. */
type Next =
  | { readonly rule: number; readonly question: ProbeQuestion }
  | { readonly rule: number; readonly question?: undefined };

/** The adaptive rules of a plan on a run. */
export class AdaptiveRules {
  /** Their indices; none for most plans. */
  readonly indices: readonly number[];
  readonly #unet: Unet;
  readonly #plan: Plan;
  readonly #timeline: Timeline;
  readonly #simulation: Simulation;
  /** By rule: paths of the units that it matches. */
  readonly #units = new Map<number, readonly string[]>();
  readonly #probes = new Map<number, Port>();

  constructor(
    unet: Unet,
    plan: Plan,
    timeline: Timeline,
    matching: ReadonlyMap<string, readonly number[]>,
    simulation: Simulation,
  ) {
    this.#unet = unet;
    this.#plan = plan;
    this.#timeline = timeline;
    this.#simulation = simulation;
    this.indices = plan.rules.flatMap(({ action }, index) =>
      action === "adaptive" ? [index] : [],
    );
    for (const index of this.indices) {
      const units = [...matching].flatMap(([path, rules]) =>
        rules.includes(index) ? [path] : [],
      );
      this.#units.set(index, units);
      this.#probes.set(index, this.#findProbe(index, units));
    }
  }

  /** Keys of ports whose kept values any outcome reads. */
  get readPorts(): ReadonlySet<string> {
    return this.#simulation.readPorts;
  }

  /** A rule by its index. */
  rule(index: number): AdaptiveAction {
    return this.#plan.rules[index] as Rule & AdaptiveAction;
  }

  /** The key of the port that a rule watches. */
  probeKey(index: number): string {
    return portKey(this.#probes.get(index)!);
  }

  /** The rules that apply to some unit at a step. */
  inForce(context: Context, stepIndex: number): number[] {
    return this.indices.filter((index) =>
      this.#units
        .get(index)!
        .some(
          (unit) => this.#timeline.ruleAt(unit, context, stepIndex) === index,
        ),
    );
  }

  /**
   * The rule that decides next at a step; undefined where all have.
   * @throws {PhaseskipError} `plan-invalid` if they wait for each other
   */
  next(
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
  ): Next | undefined {
    const open = this.inForce(context, stepIndex).filter(
      (index) => !outcomes.has(index),
    );
    if (open.length === 0) return undefined;
    const { inRow, probed } = state[context];
    for (const index of open) {
      const { warmup = 0, maxConsecutive = Infinity } = this.rule(index);
      const isDue =
        stepIndex < warmup ||
        probed.get(index) !== stepIndex - 1 ||
        (inRow.get(index) ?? 0) >= maxConsecutive;
      if (isDue) return { rule: index };
    }
    for (const index of open) {
      const port = this.#probes.get(index)!;
      const { signature, reads, isBlocked } = this.#simulation.probe(
        port,
        context,
        stepIndex,
        state,
        outcomes,
      );
      if (isBlocked) continue;
      const key = portKey(port);
      const before = cacheEntry("probe", context, key, stepIndex - 1);
      return { rule: index, question: { port, signature, reads, before } };
    }
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run the plan as ${open.map((index) => `rules[${index}]`).join(" and ")} wait for each other at step ${stepIndex} (${context}): the probe of one depends on the units of the other`,
    );
  }

  /** A context's step under these outcomes; brings the state up to date. */
  context(
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
  ): Draft {
    const inForce = this.inForce(context, stepIndex);
    const probes = new Map(
      inForce.map((index) => {
        const port = this.#probes.get(index)!;
        return [portKey(port), port] as const;
      }),
    );
    const { inRow, probed } = state[context];
    const uses = new Set<string>();
    for (const index of inForce) {
      if (probed.get(index) === stepIndex - 1) {
        const key = this.probeKey(index);
        uses.add(cacheEntry("probe", context, key, stepIndex - 1));
      }
      probed.set(index, stepIndex);
      const reuse = outcomes.get(index) === true;
      inRow.set(index, reuse ? (inRow.get(index) ?? 0) + 1 : 0);
    }
    const draft = this.#simulation.context(
      context,
      stepIndex,
      state,
      outcomes,
      [...probes.values()],
    );
    return { ...draft, uses: [...draft.uses, ...uses] };
  }

  #findProbe(index: number, units: readonly string[]): Port {
    const { probe } = this.rule(index);
    const { units: known } = this.#unet.units;
    const found = known.get(probe);
    const fail = (what: string) =>
      new PhaseskipError(
        "plan-invalid",
        `Cannot run the plan as rules[${index}].probe ${what}: current value is "${probe}"`,
      );
    if (!found) throw fail("must be the path of a unit of this model");
    const around = units.find(
      (unit) =>
        probe === unit ||
        (probe.startsWith(`${unit}.`) && !probe.endsWith(".skip")),
    );
    if (around !== undefined)
      throw fail(
        `must lie outside of the units that it decides about, ${around} among them`,
      );
    const { producers } = this.#unet.graph;
    // of several outputs the one that is made last
    const value = [...found.outputs].sort(
      (a, b) => producers.get(b)!.index - producers.get(a)!.index,
    )[0]!;
    const port = { unit: probe, value };
    const { ports } = liveGraph(this.#unet, new Set(units), () => "fresh", {
      probes: [port],
      output: false,
    });
    const [read] = ports.values();
    if (read)
      throw fail(
        `must not depend on the units that it decides about, ${read.unit} among them`,
      );
    return port;
  }
}

/** Takes decisions that were recorded. */
export function replay(
  decisions: readonly AdaptiveDecision[],
): (rule: number, context: Context, stepIndex: number) => boolean {
  const known = new Map(
    decisions.map(({ rule, context, stepIndex, reuse }) => [
      decisionKey(rule, context, stepIndex),
      reuse,
    ]),
  );
  return (rule, context, stepIndex) => {
    const reuse = known.get(decisionKey(rule, context, stepIndex));
    if (reuse !== undefined) return reuse;
    throw new RangeError(
      `Cannot run the plan as decisions must hold one of rules[${rule}] at step ${stepIndex} (${context}): none of the ${decisions.length} given is`,
    );
  };
}
