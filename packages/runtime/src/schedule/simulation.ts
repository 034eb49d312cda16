// One step of one context: what the plan makes of every port, and what of the Unet that leaves alive.

import type { LiveGraph, Port, PortDecision, Unet } from "@phaseskip/graph";
import {
  PhaseskipError,
  liveGraph,
  portKey,
  residualOwner,
  residualPath,
  unitAt,
} from "@phaseskip/graph";
import type { Context, Plan } from "../plan/plan.js";
import type { CachedRead, DecidedPort } from "./port-decision.js";
import { PortDecider } from "./port-decision.js";
import type { RunState } from "./run-state.js";
import { cacheEntry } from "./run-state.js";
import type {
  ChangedBy,
  ScheduledContext,
  Store,
} from "./scheduled-context.js";
import type { Timeline } from "./timeline.js";

/** A context's step before it is known what later steps read. */
export interface Draft extends Omit<
  ScheduledContext,
  "stores" | "drops" | "decisions"
> {
  /** What later steps may read. */
  readonly makes: readonly Store[];
  /** Kept values that the step reads. */
  readonly uses: readonly string[];
}

/** A probe that is to be computed before the rest of its step. */
export interface ProbeGraph {
  /** Index into the signatures. */
  readonly signature: number;
  /** Kept values that it reads. */
  readonly reads: ReadonlyMap<string, CachedRead>;
  /** Whether an adaptive rule that is not decided yet stands in the way. */
  readonly isBlocked: boolean;
}

/** Simulates a plan on a Unet; all that changes is in the state it is handed. */
export class Simulation {
  /** Distinct live graphs so far. */
  readonly signatures: LiveGraph[] = [];
  /** Indices of rules that applied to a port that was reached. */
  readonly reached = new Set<number>();
  /** By index of a rule: steps at which its table of coefficients had none for the values at hand. */
  readonly standIns = new Map<number, Set<number>>();
  /** Keys of ports whose kept values were read. */
  readonly readPorts = new Set<string>();
  readonly #unet: Unet;
  readonly #plan: Plan;
  readonly #timeline: Timeline;
  readonly #decider: PortDecider;
  readonly #acted: ReadonlySet<string>;
  readonly #ports: readonly Port[];
  /** How many values a port reads at most. */
  readonly #depth: number;
  readonly #indices = new Map<string, number>();
  readonly #graphs = new Map<string, LiveGraph>();

  constructor(
    unet: Unet,
    plan: Plan,
    timeline: Timeline,
    matching: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#unet = unet;
    this.#plan = plan;
    this.#timeline = timeline;
    this.#decider = new PortDecider(unet, plan, timeline);
    this.#ports = [...matching].flatMap(([path, rules]) => {
      const { outputs, residual } = unitAt(unet, path);
      const isResidual = rules.some((index) => {
        const rule = plan.rules[index]!;
        return "value" in rule && rule.value === "residual";
      });
      const ports = outputs.map((value) => ({ unit: path, value }));
      return isResidual && residual
        ? [...ports, { unit: residualPath(path), value: residual.value }]
        : ports;
    });
    this.#acted = new Set(this.#ports.map(({ unit }) => unit));
    this.#depth = Math.max(
      1,
      ...plan.rules.map((rule) =>
        rule.action === "extrapolate"
          ? rule.order + 1
          : rule.action === "forecast"
            ? rule.values
            : 1,
      ),
    );
  }

  /**
   * One step of one context.
   *
   * @param state is brought up to date
   * @param outcomes by index of an adaptive rule that applies: whether it reuses
   * @param probes ports whose value is wanted beside the output
   * @throws {PhaseskipError} `plan-invalid` that names the rule, step and context
   */
  context(
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
    probes: readonly Port[],
  ): Draft {
    const decided = this.#decide(context, stepIndex, state, outcomes);
    const live = this.#walk(decided, probes, true);
    const makes: Store[] = [];
    const reads = new Map<string, CachedRead>();
    const computed = new Set<string>();
    const reused = new Map<string, number>();
    const zeroed = new Set<string>();
    const changed = new Map<string, ChangedBy>();
    for (const [key, { unit: path, value }] of live.ports) {
      const found = decided.get(key);
      if (!found) continue;
      const port = { unit: path, value };
      const unit = residualOwner(path) ?? path;
      const rule = this.#plan.rules[found.rule];
      if (rule) this.reached.add(found.rule);
      this.#check(found, unit, context, stepIndex);
      if (found.isComputed) {
        computed.add(unit);
        this.#note(key, context, stepIndex, state);
        const entry = (kind: "value" | "difference") =>
          cacheEntry(kind, context, key, stepIndex);
        makes.push({ entry: entry("value"), port, kind: "value" });
        if (found.keepsDifference)
          makes.push({ entry: entry("difference"), port, kind: "difference" });
      }
      const { read } = found;
      if (read) {
        const { entries, coefficients, age, result } = read;
        reads.set(key, { entries, coefficients });
        this.readPorts.add(key);
        reused.set(unit, Math.max(age, reused.get(unit) ?? 0));
        if (result !== undefined) {
          makes.push({ entry: result, port, kind: "result" });
          state.means.set(key, result);
        }
        if (rule?.action === "extrapolate" || rule?.action === "forecast")
          changed.set(unit, rule.action);
        if (read.isStandIn) {
          const steps = this.standIns.get(found.rule) ?? new Set();
          this.standIns.set(found.rule, steps.add(stepIndex));
        }
      }
      if (found.state === "zero") zeroed.add(unit);
      else if (found.state === "bypass") changed.set(unit, "bypass");
      else if (found.state === "mean") changed.set(unit, "mean");
      else if (found.state === "scale") changed.set(unit, "scale");
    }
    for (const port of probes) {
      const entry = cacheEntry("probe", context, portKey(port), stepIndex);
      makes.push({ entry, port, kind: "result" });
    }
    return {
      context,
      signature: this.#signature(live, true),
      reads,
      makes,
      uses: [...reads.values()].flatMap(({ entries }) => entries),
      computed: [...computed],
      reused,
      zeroed: [...zeroed],
      changed,
    };
  }

  /** What computes a probe alone. */
  probe(
    port: Port,
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
  ): ProbeGraph {
    const decided = this.#decide(context, stepIndex, state, outcomes);
    const live = this.#walk(decided, [port], false);
    const reads = new Map<string, CachedRead>();
    let isBlocked = false;
    for (const key of live.ports.keys()) {
      const { read, isOpen } = decided.get(key) ?? {};
      if (isOpen) isBlocked = true;
      if (read) reads.set(key, read);
    }
    const signature = isBlocked ? -1 : this.#signature(live, false);
    return { signature, reads, isBlocked };
  }

  #decide(
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
  ): Map<string, DecidedPort> {
    return new Map(
      this.#ports.map((port) => [
        portKey(port),
        this.#decider.decide(port, context, stepIndex, state, outcomes),
      ]),
    );
  }

  /** The live graph under these decisions; walked once for equal ones. */
  #walk(
    decided: ReadonlyMap<string, DecidedPort>,
    probes: readonly Port[],
    output: boolean,
  ): LiveGraph {
    const states = [...decided.values()].map(stateText);
    const key = [output, ...probes.map(portKey), ...states].join("\n");
    const known = this.#graphs.get(key);
    if (known) return known;
    const live = liveGraph(
      this.#unet,
      this.#acted,
      (port) => {
        const found = decided.get(portKey(port));
        if (!found) return "fresh";
        const { state, scale, keepsDifference } = found;
        return {
          state,
          ...(scale && { scale }),
          ...(keepsDifference && { keepsDifference }),
        };
      },
      { probes, output },
    );
    this.#graphs.set(key, live);
    return live;
  }

  #signature(live: LiveGraph, output: boolean): number {
    const acting = [...live.ports].flatMap(([key, port]) => {
      const text = stateText(port);
      return text === "fresh" ? [] : [`${key} ${text}`];
    });
    const probes = live.probes.map((port) => `probe ${portKey(port)}`);
    const key = [output, ...acting.sort(), ...probes].join("\n");
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.signatures.length);
    return this.signatures.push(live) - 1;
  }

  #note(
    key: string,
    context: Context,
    stepIndex: number,
    state: RunState,
  ): void {
    const timestep = this.#timeline.timesteps[stepIndex]!;
    const { computed } = state[context];
    const before = (computed.get(key) ?? []).filter(
      (point) => point.timestep !== timestep,
    );
    const now = [{ stepIndex, timestep }, ...before].slice(0, this.#depth);
    computed.set(key, now);
  }

  #check(
    { error, rule }: DecidedPort,
    unit: string,
    context: Context,
    stepIndex: number,
  ): void {
    if (!error) return;
    const timestep = this.#timeline.timesteps[stepIndex]!;
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot run the plan as rules[${rule}] ${error.does} ${unit || "the Unet's output"} at step ${stepIndex} (timestep ${timestep}, ${context}), ${error.because}`,
    );
  }
}

function stateText({ state, scale, keepsDifference }: PortDecision): string {
  const parts: string[] = [state];
  if (scale)
    parts.push(String([scale.factor, scale.channels, scale.lowPass ?? "all"]));
  if (keepsDifference) parts.push("difference");
  return parts.join(" ");
}
