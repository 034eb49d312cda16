// What the plan makes of one port at one step.

import type { Port, PortDecision, Unet } from "@phaseskip/graph";
import {
  elementName,
  portKey,
  residualOwner,
  residualPath,
  unitAt,
} from "@phaseskip/graph";
import { channelAxis, channelRange } from "../plan/channel-means.js";
import type { Context, Plan, Rule, ScaleAction } from "../plan/plan.js";
import { lagrange } from "./forecast-basis.js";
import type { ForecastSum } from "./forecast-sum.js";
import { forecastSum } from "./forecast-sum.js";
import type { Computed } from "./refresh.js";
import { isDue } from "./refresh.js";
import type { RunState } from "./run-state.js";
import { cacheEntry, meanEntry } from "./run-state.js";
import type { Timeline } from "./timeline.js";

/** Kept values that a port hands on: one, or a linear combination. */
export interface CachedRead {
  /** Names of the values. */
  readonly entries: readonly string[];
  /** What each is multiplied by. */
  readonly coefficients: readonly number[];
}

/** A port at a step. */
export interface DecidedPort extends PortDecision {
  /** Index of the rule in force; -1 without one. */
  readonly rule: number;
  /** Whether the unit's value counts as computed here. */
  readonly isComputed: boolean;
  /** Present where kept values are read. */
  readonly read?: CachedRead & {
    /** Steps since the newest of them was computed. */
    readonly age: number;
    /** What the result is kept as, where it is new. */
    readonly result?: string;
    /** Whether a table of coefficients has none for these values, and a polynomial takes its place. */
    readonly isStandIn?: boolean;
  };
  /** An adaptive rule that is not decided yet at this step. */
  readonly isOpen?: boolean;
  /** What is wrong, if the port is reached. */
  readonly error?: PortError;
}

/** Why a port cannot do what its rule says: `rules[0]` *does* the unit, *because*. */
export interface PortError {
  readonly does: string;
  readonly because: string;
}

/** Decides ports; knows the plan, the model and the run, but no state. */
export class PortDecider {
  readonly #unet: Unet;
  readonly #plan: Plan;
  readonly #timeline: Timeline;

  constructor(unet: Unet, plan: Plan, timeline: Timeline) {
    this.#unet = unet;
    this.#plan = plan;
    this.#timeline = timeline;
  }

  /**
   * What a port hands on, should it be reached.
   * @param outcomes by index of an adaptive rule: whether it reuses at this step
   */
  decide(
    port: Port,
    context: Context,
    stepIndex: number,
    state: RunState,
    outcomes: ReadonlyMap<number, boolean>,
  ): DecidedPort {
    const owner = residualOwner(port.unit);
    const path = owner ?? port.unit;
    const unit = unitAt(this.#unet, path);
    const index = this.#timeline.ruleAt(path, context, stepIndex);
    const rule: Rule | undefined = this.#plan.rules[index];
    const fresh = {
      rule: index,
      isComputed: true,
      state: "fresh",
      ...(this.#keepsDifference(port, context) && { keepsDifference: true }),
    } as const;
    const isResidual = rule && "value" in rule && rule.value === "residual";
    // a skip is its own main input: it adds nothing to it
    if (isResidual && unit.skip) return fresh;
    if (owner !== undefined && !isResidual) return fresh;
    const not = { rule: index, isComputed: false } as const;
    switch (rule?.action) {
      case undefined:
      case "run":
        return fresh;
      case "scale":
        return {
          ...fresh,
          state: "scale",
          scale: rule,
          ...this.#scaleError(port, rule),
        };
      case "mean":
        return { ...not, state: "mean" };
      case "bypass":
        if (unit.skip) return fresh;
        return {
          ...not,
          state: "bypass",
          ...this.#shapeError(port, "bypasses"),
        };
      case "zero":
        if (!isResidual || owner !== undefined)
          return { ...not, state: "zero" };
        if (unit.residual) return { ...not, state: "fresh" };
        return { ...not, state: "bypass", ...this.#residualError(port) };
      case "adaptive": {
        const last = this.#last(port, context, state);
        const reuses = outcomes.get(index);
        if (reuses === undefined) return { ...fresh, isOpen: true };
        return reuses && last
          ? {
              ...not,
              state: "cache",
              read: this.#polynomial(port, context, stepIndex, [last]),
            }
          : fresh;
      }
      case "reuse":
      case "extrapolate":
      case "forecast":
        break;
      default:
        return rule satisfies never;
    }
    // where the residual enters an addition, its own port is kept; the sum is always made
    const kept =
      isResidual && unit.residual
        ? { unit: residualPath(path), value: unit.residual.value }
        : port;
    const known = state[context].computed.get(portKey(kept)) ?? [];
    const [last] = known;
    const { timesteps } = this.#timeline;
    const isFirst = this.#timeline.isFirst(path, context, stepIndex);
    if (
      this.#timeline.fills(stepIndex) ||
      isDue(rule.refresh, last, stepIndex, timesteps, isFirst)
    )
      return fresh;
    if (isResidual && unit.residual && owner === undefined)
      return { ...not, state: "fresh" };
    if (rule.action === "reuse" && rule.value === "mean")
      return { ...not, ...this.#meanOfContexts(port, stepIndex, state) };
    if (!last) {
      return { ...not, state: "cache", error: missing(verbs[rule.action]) };
    }
    if (rule.action === "forecast") {
      const run = this.#timeline.forecastRun(stepIndex);
      const sum = forecastSum(rule, known, run);
      if (typeof sum === "string")
        return {
          ...not,
          state: "cache",
          error: { does: verbs.forecast, because: sum },
        };
      const read = this.#sum(port, context, stepIndex, sum);
      return { ...not, state: "blend", read };
    }
    if (isResidual && owner === undefined) {
      const entries = [
        cacheEntry("difference", context, portKey(port), last.stepIndex),
      ];
      const age = stepIndex - last.stepIndex;
      const read = { entries, coefficients: [1], age };
      return { ...not, state: "residual", read, ...this.#residualError(port) };
    }
    const points =
      rule.action === "extrapolate" ? known.slice(0, rule.order + 1) : [last];
    const read = this.#polynomial(port, context, stepIndex, points);
    return { ...not, state: points.length > 1 ? "blend" : "cache", read };
  }

  /** Whether what a port's unit adds to its main input is kept by their difference in a context. */
  #keepsDifference(port: Port, context: Context): boolean {
    const unit = this.#unet.units.units.get(port.unit);
    if (!unit || unit.skip || unit.residual) return false;
    return this.#timeline
      .matching(port.unit)
      .map((index) => this.#plan.rules[index]!)
      .some(
        (rule) =>
          rule.action === "reuse" &&
          rule.value === "residual" &&
          (rule.contexts ?? [context]).includes(context),
      );
  }

  #last(port: Port, context: Context, state: RunState): Computed | undefined {
    return state[context].computed.get(portKey(port))?.[0];
  }

  /** The polynomial in the timestep through kept values, at this step's. */
  #polynomial(
    port: Port,
    context: Context,
    stepIndex: number,
    points: readonly Computed[],
  ) {
    const nodes = points.map(({ timestep }) => timestep);
    const coefficients = lagrange(nodes, this.#timeline.timesteps[stepIndex]!);
    return this.#sum(port, context, stepIndex, { points, coefficients });
  }

  #sum(
    port: Port,
    context: Context,
    stepIndex: number,
    {
      points,
      coefficients,
      isStandIn = false,
    }: Partial<ForecastSum> & Omit<ForecastSum, "isStandIn">,
  ) {
    return {
      age: stepIndex - points[0]!.stepIndex,
      entries: points.map((point) =>
        cacheEntry("value", context, portKey(port), point.stepIndex),
      ),
      coefficients,
      ...(isStandIn && { isStandIn }),
    };
  }

  #meanOfContexts(
    port: Port,
    stepIndex: number,
    state: RunState,
  ): Pick<DecidedPort, "state" | "read" | "error"> {
    const key = portKey(port);
    const found = (["cond", "uncond"] as const).flatMap((context) => {
      const last = this.#last(port, context, state);
      return last ? [{ context, step: last.stepIndex }] : [];
    });
    const entries = found.map(({ context, step }) =>
      cacheEntry("value", context, key, step),
    );
    const [cond, uncond] = found;
    if (!cond) return { state: "cache", error: missing("reuses") };
    const age = stepIndex - Math.max(...found.map(({ step }) => step));
    if (!uncond)
      return { state: "cache", read: { entries, coefficients: [1], age } };
    const result = meanEntry(key, cond.step, uncond.step);
    if (state.means.get(key) === result) {
      const read = { entries: [result], coefficients: [1], age };
      return { state: "cache", read };
    }
    const read = { entries, coefficients: [0.5, 0.5], age, result };
    return { state: "blend", read };
  }

  #shapeError(port: Port, does: string): { error?: PortError } {
    const { shapes, units } = this.#unet;
    const main = units.units.get(port.unit)!.mainInput;
    if (!main) return { error: { does, because: "which has no main input" } };
    const shape = (value: string) => {
      const { type, dims } = shapes.get(value)!;
      return `${elementName(type)} [${dims.join(", ")}]`;
    };
    const [input, output] = [shape(main.value), shape(port.value)];
    if (input === output) return {};
    const because = `whose output must have its main input's shape, ${input}: it has ${output}`;
    return { error: { does, because } };
  }

  #residualError(port: Port): { error?: PortError } {
    const does = "takes the residual of";
    const { outputs } = this.#unet.units.units.get(port.unit)!;
    if (outputs.length === 1) return this.#shapeError(port, does);
    const because = `which must have one output: it has ${outputs.length}; take the value "output", or units inside it`;
    return { error: { does, because } };
  }

  #scaleError(port: Port, rule: ScaleAction): { error?: PortError } {
    const { dims } = this.#unet.shapes.get(port.value)!;
    const is = `[${dims.join(", ")}]`;
    if (rule.lowPass !== undefined && dims.length !== 4) {
      const because = `whose output must be [batch, channel, height, width] to have frequencies: it is ${is}`;
      return { error: { does: "scales", because } };
    }
    if (rule.channels && dims.length < 2) {
      const because = `whose output must have channels: it is ${is}`;
      return { error: { does: "scales", because } };
    }
    if (rule.channels) {
      const count = dims[channelAxis(dims.length)]!;
      const [from, to] = channelRange(rule.channels, count);
      if (from < to) return {};
      const because = `of which channels must choose at least one: [${rule.channels.join(", ")}] of ${count} is none`;
      return { error: { does: "scales", because } };
    }
    return {};
  }
}

/** What errors say that a rule does. */
const verbs = {
  reuse: "reuses",
  extrapolate: "extrapolates",
  forecast: "forecasts",
};

function missing(does: string): PortError {
  const because =
    "where its value is needed and no earlier step computed it: let it run before, or refresh it at this step";
  return { does, because };
}
