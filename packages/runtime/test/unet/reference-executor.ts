// A second, slow reading of what a plan means: the whole graph in one session at every step. Wherever an
// acted-on unit hands a value on, a switch chooses between what was computed and what is given instead;
// which one, a walk back from the output decides. It shares no code with segments, programs or schedules.

import type { Unet } from "@phaseskip/graph";
import { ElementType, unitAt } from "@phaseskip/graph";
import { generator } from "@phaseskip/scheduler";
import type {
  AdaptiveAction,
  Context,
  ForecastAction,
  Plan,
  Refresh,
  Rule,
  ScaleAction,
} from "../../src/plan/plan.js";
import type {
  Device,
  DeviceTensor,
  Session,
} from "../../src/device/session.js";
import type { ReferenceGraph, Switch } from "./reference-graph.js";
import { feedNames, referenceGraph } from "./reference-graph.js";
import type { Outputs } from "./unet-runs.js";
import { inputFor, textFor, timesteps } from "./unet-runs.js";

type Floats = Float32Array;

/** A switch's computed values by step, and their differences to the main input. */
type Kept = Map<number, { readonly value: Floats; readonly added?: Floats }>;

/** What a context keeps, by switch; and what adaptive rules keep. */
interface Cache {
  readonly kept: Map<string, Kept>;
  readonly probes: Map<number, { step: number; value: Floats }>;
  readonly sums: Map<number, number>;
  readonly inRow: Map<number, number>;
}

/** What a switch hands on. */
type Choice =
  | { readonly kind: "computed"; readonly scale?: ScaleAction }
  /** A sum of kept values, with or without the main input. */
  | {
      readonly kind: "given";
      readonly values: readonly (readonly [number, Floats])[];
      readonly withMain?: boolean;
    }
  /** Computed, though the value is not the unit's own. */
  | { readonly kind: "summed" };

/** A value that cannot be had: never computed, or of the wrong shape. */
export class ImpossibleError extends Error {}

/** Runs plans on the whole graph of a file that holds its own weights. */
export class ReferenceExecutor {
  readonly #device: Device;
  readonly #unet: Unet;
  readonly #plan: Plan;
  readonly #graph: ReferenceGraph;
  readonly #session: Session;
  #caches: Record<Context, Cache> = {
    cond: cache(),
    image: cache(),
    uncond: cache(),
  };
  #round: (values: Floats) => Floats = (values) => values;

  private constructor(
    device: Device,
    unet: Unet,
    plan: Plan,
    graph: ReferenceGraph,
    session: Session,
  ) {
    this.#device = device;
    this.#unet = unet;
    this.#plan = plan;
    this.#graph = graph;
    this.#session = session;
  }

  /** Writes the graph with its switches, and makes its session. */
  static async open(
    device: Device,
    unet: Unet,
    plan: Plan,
    file: Uint8Array,
    external?: { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<ReferenceExecutor> {
    const paths = (is: (rule: Rule) => boolean) =>
      new Set(
        ["", ...unet.units.units.keys()].filter((path) =>
          plan.rules.some(
            (rule) => is(rule) && rule.units.some((p) => matches(p, path)),
          ),
        ),
      );
    const probes = plan.rules.flatMap((rule) =>
      rule.action === "adaptive" ? [rule.probe] : [],
    );
    const graph = referenceGraph(
      unet,
      file,
      paths(() => true),
      paths(isResidual),
      probes,
    );
    const session = await device.createSession(graph.bytes, external);
    return new ReferenceExecutor(device, unet, plan, graph, session);
  }

  /**
   * Runs all steps.
   * @param rounding by how much, as a part of it, each value that a switch hands on is off, at random
   * @throws {ImpossibleError} If a value is needed that cannot be had
   */
  async run(guidanceScale: number, rounding = 0): Promise<Outputs> {
    this.#caches = { cond: cache(), image: cache(), uncond: cache() };
    const random = generator(17);
    this.#round = (values) => {
      if (rounding === 0) return values;
      const off = random.randn(values.length);
      return values.map((value, i) => value * (1 + rounding * off[i]!));
    };
    const outputs: Partial<Record<Context, Float32Array>>[] = [];
    for (const step of timesteps.keys()) {
      const contexts: Context[] = this.#isGuided(step, guidanceScale)
        ? ["cond", "uncond"]
        : ["cond"];
      const made: Partial<Record<Context, Float32Array>> = {};
      for (const context of contexts)
        made[context] = await this.#step(step, context);
      outputs.push(made);
    }
    return outputs;
  }

  /** Frees the session. */
  release(): Promise<void> {
    return this.#session.release();
  }

  async #step(step: number, context: Context): Promise<Floats> {
    const reuses = new Map<number, boolean>();
    for (const index of this.#plan.rules.keys())
      await this.#probe(index, step, context, reuses);
    const decided = this.#walk("the_end", step, context, reuses);
    const all = await this.#compute(decided, step, context);
    const { kept } = this.#caches[context];
    for (const [to, choice] of decided) {
      if (choice.kind !== "computed") continue;
      const { from, main } = this.#graph.switches.get(to)!;
      const [value, input] = [all(from), main && all(main)];
      const added = input && value.map((x, i) => x - input[i]!);
      const values = kept.get(to) ?? new Map<number, never>();
      kept.set(to, values.set(step, { value, ...(added && { added }) }));
    }
    return all("the_end");
  }

  /** Lets an adaptive rule decide. */
  async #probe(
    index: number,
    step: number,
    context: Context,
    reuses: Map<number, boolean>,
  ): Promise<void> {
    const rule = this.#plan.rules[index]!;
    if (rule.action !== "adaptive") return;
    const applies = [...this.#graph.switches.values()].some(
      ({ unit }) => this.#ruleAt(unit, step, context) === rule,
    );
    if (!applies) return;
    const name = this.#graph.probe(rule.probe);
    const decided = this.#walk(name, step, context, reuses);
    const value = (await this.#compute(decided, step, context))(name);
    const { probes, sums, inRow } = this.#caches[context];
    const before = probes.get(index);
    probes.set(index, { step, value });
    const { warmup = 0, maxConsecutive = Infinity }: AdaptiveAction = rule;
    let reuse = false;
    const isOpen =
      step >= warmup &&
      before?.step === step - 1 &&
      (inRow.get(index) ?? 0) < maxConsecutive;
    if (isOpen) {
      const mean = (data: Floats) =>
        data.reduce((sum, x) => sum + Math.abs(x), 0) / data.length;
      const change =
        mean(value.map((x, i) => x - before.value[i]!)) / mean(before.value);
      const sum = (sums.get(index) ?? 0) + change;
      reuse = sum < rule.threshold;
      sums.set(index, sum);
    }
    if (!reuse) sums.delete(index);
    inRow.set(index, reuse ? (inRow.get(index) ?? 0) + 1 : 0);
    reuses.set(index, reuse);
  }

  /** Runs the whole graph under these choices. */
  async #compute(
    decided: ReadonlyMap<string, Choice>,
    step: number,
    context: Context,
  ): Promise<(name: string) => Floats> {
    const feeds: Record<string, DeviceTensor> = {};
    const { shapes } = this.#unet;
    const floats = (name: string, data: Floats, of = name) => {
      const { dims } = shapes.get(of)!;
      feeds[name] = this.#device.tensor(ElementType.FLOAT, dims, data);
    };
    const scalar = (type: ElementType, x: number) =>
      this.#device.tensor(type, [], [x]);
    floats("sample", inputFor(this.#unet, "sample", step));
    const text = textFor(this.#unet, context);
    if (text) floats("encoder_hidden_states", text);
    const { type, dims } = shapes.get("timestep")!;
    const t = timesteps[step]!;
    const timestep = type === ElementType.INT64 ? Math.trunc(t) : t;
    feeds["timestep"] = this.#device.tensor(
      type,
      dims,
      new Array<number>(dims[0] ?? 1).fill(timestep),
    );
    for (const made of this.#graph.switches.values()) {
      const names = feedNames(made);
      const choice = decided.get(made.to) ?? { kind: "summed" };
      const shape = shapes.get(made.value)!.dims;
      const given = new Float32Array(shape.reduce((a, b) => a * b, 1));
      const isGiven = choice.kind === "given";
      for (const [weight, data] of isGiven ? choice.values : [])
        data.forEach((x, i) => (given[i]! += weight * x));
      const scale = choice.kind === "computed" ? choice.scale : undefined;
      feeds[names.isGiven] = scalar(ElementType.BOOL, isGiven ? 1 : 0);
      floats(names.given, this.#round(given), made.value);
      floats(names.factor, this.#round(factors(shape, scale)), made.value);
      const withMain = isGiven && choice.withMain === true;
      if (made.main !== undefined)
        feeds[names.mainFactor] = scalar(ElementType.FLOAT, withMain ? 1 : 0);
    }
    const outputs = await this.#session.run(feeds, this.#outputs());
    const read = new Map<string, Floats>();
    for (const [name, tensor] of Object.entries(outputs))
      read.set(name, await this.#device.read(tensor));
    for (const tensor of [...Object.values(feeds), ...Object.values(outputs)])
      tensor.dispose();
    return (name) =>
      name === "sample"
        ? inputFor(this.#unet, "sample", step)
        : read.get(name)!;
  }

  #outputs(): string[] {
    const probes = this.#plan.rules.flatMap((rule) =>
      rule.action === "adaptive" ? [this.#graph.probe(rule.probe)] : [],
    );
    const names = [...this.#graph.switches.values()].flatMap(
      ({ from, main }) => [from, main ?? from],
    );
    const all = new Set(["the_end", ...probes, ...names]);
    all.delete("sample");
    return [...all];
  }

  /** Walks back from a value and decides at every switch that it meets. */
  #walk(
    end: string,
    step: number,
    context: Context,
    reuses: ReadonlyMap<number, boolean>,
  ): Map<string, Choice> {
    const decided = new Map<string, Choice>();
    const makers = new Map(
      this.#graph.nodes.flatMap((node) =>
        node.output.map((name) => [name, node] as const),
      ),
    );
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const met = this.#graph.switches.get(name);
      if (!met) {
        makers.get(name)?.input.forEach(visit);
        return;
      }
      const choice = this.#choose(met, step, context, reuses);
      decided.set(name, choice);
      const isGiven = choice.kind === "given";
      if (!isGiven) visit(met.from);
      const keepsAdded =
        choice.kind === "computed" && this.#keepsAdded(met, context);
      if (met.main !== undefined && (isGiven ? choice.withMain : keepsAdded))
        visit(met.main);
    };
    visit(end);
    return decided;
  }

  /** Whether a rule may want the unit's difference to its main input. */
  #keepsAdded({ unit, isResidual: isSum }: Switch, context: Context): boolean {
    return (
      !isSum &&
      this.#plan.rules.some(
        (rule) =>
          rule.action === "reuse" &&
          isResidual(rule) &&
          rule.units.some((p) => matches(p, unit)) &&
          (rule.contexts ?? [context]).includes(context),
      )
    );
  }

  #choose(
    met: Switch,
    step: number,
    context: Context,
    reuses: ReadonlyMap<number, boolean>,
  ): Choice {
    const { unit, to, isResidual: isSum } = met;
    const rule = this.#ruleAt(unit, step, context);
    const { skip, outputs } = unitAt(this.#unet, unit);
    const computed: Choice = { kind: "computed" };
    const values = this.#caches[context].kept.get(to);
    const last = values && Math.max(...values.keys());
    const impossible = () =>
      new ImpossibleError(`${rule?.action} ${unit} at step ${step}`);
    if (!rule || rule.action === "run") return computed;
    if (skip && (rule.action === "bypass" || isResidual(rule))) return computed;
    if (isSum && !isResidual(rule)) return computed;
    const sum = [...this.#graph.switches.values()].find(
      (other) => other.unit === unit && other.isResidual,
    );
    const withMain = (given: readonly (readonly [number, Floats])[]) => {
      const isOne = rule.action === "bypass" || outputs.length === 1;
      if (met.main === undefined || !isOne) throw impossible();
      return { kind: "given", values: given, withMain: true } as const;
    };
    switch (rule.action) {
      case "scale":
        return { kind: "computed", scale: rule };
      case "bypass":
        return withMain([]);
      case "zero":
        if (!isResidual(rule) || isSum) return { kind: "given", values: [] };
        return sum ? { kind: "summed" } : withMain([]);
      case "adaptive":
        return reuses.get(this.#plan.rules.indexOf(rule)) && values
          ? { kind: "given", values: [[1, values.get(last!)!.value]] }
          : computed;
      case "mean":
        throw new Error("no means here");
      default:
    }
    const own = sum && isResidual(rule) ? sum.to : to;
    const ownValues = this.#caches[context].kept.get(own);
    const ownLast = ownValues && Math.max(...ownValues.keys());
    if (this.#isDue(rule, rule.refresh, unit, step, context, ownLast))
      return computed;
    if (own !== to) return { kind: "summed" };
    if (rule.action === "reuse" && rule.value === "mean") {
      const both = (["cond", "uncond"] as const).flatMap((one) => {
        const found = this.#caches[one].kept.get(to);
        return found ? [found.get(Math.max(...found.keys()))!.value] : [];
      });
      if (both.length === 0) throw impossible();
      const given = both.map((data) => [1 / both.length, data] as const);
      return { kind: "given", values: given };
    }
    if (!values) throw impossible();
    if (isResidual(rule) && !isSum)
      return withMain([[1, values.get(last!)!.added ?? new Float32Array()]]);
    if (rule.action === "forecast") {
      const kept = [...values.keys()].sort((a, b) => b - a);
      const weights = forecastWeights(rule, kept, step);
      if (!weights) throw impossible();
      return {
        kind: "given",
        values: weights.map(
          (weight, i) => [weight, values.get(kept[i]!)!.value] as const,
        ),
      };
    }
    const order = rule.action === "extrapolate" ? rule.order : 0;
    const steps = [...values.keys()].sort((a, b) => b - a).slice(0, order + 1);
    const t = (index: number) => timesteps[index]!;
    const given = steps.map((i) => {
      const others = steps.filter((j) => j !== i);
      const top = others.reduce((all, j) => all * (t(step) - t(j)), 1);
      const bottom = others.reduce((all, j) => all * (t(i) - t(j)), 1);
      return [top / bottom, values.get(i)!.value] as const;
    });
    return { kind: "given", values: given };
  }

  #isDue(
    rule: Rule,
    refresh: Refresh,
    unit: string,
    step: number,
    context: Context,
    last: number | undefined,
  ): boolean {
    const isNew =
      step === 0 ||
      this.#ruleAt(unit, step - 1, context) !== rule ||
      last === undefined;
    if (refresh === "never") return false;
    if ("every" in refresh) return isNew || step - last >= refresh.every;
    if ("everyTimesteps" in refresh) {
      const passed = timesteps[last ?? step]! - timesteps[step]!;
      return isNew || passed >= refresh.everyTimesteps;
    }
    if ("at" in refresh) return refresh.at.includes(step);
    const above = step === 0 ? Infinity : timesteps[step - 1]!;
    return refresh.atTimesteps.some((t) => timesteps[step]! <= t && t < above);
  }

  #ruleAt(unit: string, step: number, context: Context): Rule | undefined {
    return this.#plan.rules
      .filter(
        ({ units, phases, contexts }) =>
          units.some((p) => matches(p, unit)) &&
          (!contexts || contexts.includes(context)) &&
          (!phases ||
            this.#phasesAt(step).some((name) => phases.includes(name))),
      )
      .at(-1);
  }

  #isGuided(step: number, guidanceScale: number): boolean {
    if (guidanceScale === 1) return false;
    const here = this.#phasesAt(step);
    const rule = this.#plan.guidance
      ?.filter(
        ({ phases }) => !phases || phases.some((name) => here.includes(name)),
      )
      .at(-1);
    return !rule || "scale" in rule;
  }

  #phasesAt(step: number): string[] {
    const t = timesteps[step]!;
    return this.#plan.phases
      .filter(({ from, to }) => to <= t && (t < from || from === 1000))
      .map(({ name }) => name);
  }
}

/** What a table's row counts the newest values; or the line through two, the one basis here. */
function forecastWeights(
  rule: ForecastAction,
  kept: readonly number[],
  step: number,
): readonly number[] | undefined {
  if ("basis" in rule) {
    const [a, b] = kept.map((index) => timesteps[index]!);
    if (b === undefined) return [1];
    const slope = (timesteps[step]! - a!) / (a! - b);
    return [1 + slope, -slope];
  }
  const row = rule.coefficients[rule.steps.indexOf(step)];
  return row && row.length <= kept.length ? row : undefined;
}

function cache(): Cache {
  return {
    kept: new Map(),
    probes: new Map(),
    sums: new Map(),
    inRow: new Map(),
  };
}

function isResidual(rule: Rule): boolean {
  return "value" in rule && rule.value === "residual";
}

/** What each element is multiplied by. */
function factors(shape: readonly number[], scale?: ScaleAction): Floats {
  const count = shape.reduce((a, b) => a * b, 1);
  if (!scale) return new Float32Array(count).fill(1);
  const axis = shape.length === 3 ? 2 : 1;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const channels = shape[axis]!;
  const [from, to] = scale.channels ?? [0, 1];
  return Float32Array.from({ length: count }, (_, i) => {
    const channel = Math.floor(i / inner) % channels;
    const isInside =
      channel >= Math.floor(from * channels) &&
      channel < Math.floor(to * channels);
    return isInside ? scale.factor : 1;
  });
}

/** Unit patterns as a regular expression. */
function matches(pattern: string, path: string): boolean {
  if (path.endsWith(".skip") && !pattern.endsWith(".skip")) return false;
  const parts = pattern
    .split(".")
    .map((part) =>
      part === "**"
        ? "(?:\\.[^.]+)*"
        : part === "*"
          ? "\\.[^.]+"
          : `\\.${part}`,
    );
  return new RegExp(`^${parts.join("")}$`).test(`.${path}`);
}
