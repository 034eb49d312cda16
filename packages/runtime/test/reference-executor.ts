// A second, slow reading of what a plan means: the whole graph in one session at every step. Wherever an
// acted-on unit hands a value on, a switch chooses between what was computed and what is given instead;
// which one, a walk back from the output decides. It shares no code with segments, programs or schedules.

import type { Unet } from "@phaseskip/graph";
import { ElementType } from "@phaseskip/graph";
import type { NodeProto } from "../../graph/src/onnx/onnx_pb.js";
import {
  readModelProto,
  writeModelProto,
} from "../../graph/src/onnx/onnx_pb.js";
import { decode, encode } from "../../graph/src/onnx/wire.js";
import { op, value } from "../../graph/test/onnx-model.js";
import type { Context, Plan, Rule } from "../src/plan/plan.js";
import type { Device, DeviceTensor, Session } from "../src/session.js";
import type { Outputs } from "./unet-runs.js";
import { inputFor, textFor, timesteps } from "./unet-runs.js";

/** A place where an action takes hold: `to` is `from`, or what is given instead. */
interface Switch {
  readonly unit: string;
  readonly from: string;
  readonly to: string;
  /** The graph's value behind it. */
  readonly value: string;
}

type Kept = { readonly data: Float32Array; readonly step: number };

/** A needed value that was never computed. */
export class NeverComputedError extends Error {}

/** Runs plans on the whole graph of a file that holds its own weights. */
export class ReferenceExecutor {
  readonly #device: Device;
  readonly #unet: Unet;
  readonly #plan: Plan;
  readonly #switches = new Map<string, Switch>();
  readonly #nodes: readonly NodeProto[];
  readonly #session: Session;

  private constructor(
    device: Device,
    unet: Unet,
    plan: Plan,
    nodes: readonly NodeProto[],
    switches: readonly Switch[],
    session: Session,
  ) {
    this.#device = device;
    this.#unet = unet;
    this.#plan = plan;
    this.#nodes = nodes;
    this.#session = session;
    for (const made of switches) this.#switches.set(made.to, made);
  }

  /** Writes the graph with its switches, and makes its session. */
  static async open(
    device: Device,
    unet: Unet,
    plan: Plan,
    file: Uint8Array,
    external?: { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<ReferenceExecutor> {
    const model = decode(readModelProto, file);
    const graph = model.graph!;
    const acted = new Set(
      [...unet.units.units.keys()].filter((path) =>
        plan.rules.some(({ units }) => units.some((p) => matches(p, path))),
      ),
    );
    const switches = new Map<string, Switch>();
    const after = (name: string, units: readonly string[]): string => {
      let from = name;
      for (const unit of units) {
        const to = `${name}#${units.slice(0, units.indexOf(unit) + 1).join("#")}`;
        if (!switches.has(to))
          switches.set(to, { unit, from, to, value: name });
        from = to;
      }
      return from;
    };
    const writer = new Map(
      unet.graph.nodes.map((node) => [node.outputs[0], node]),
    );
    const nodes: NodeProto[] = graph.node.map((proto) => {
      const node = writer.get(proto.output[0]);
      if (!node) return proto; // a constant
      const input = proto.input.map((name, slot) =>
        after(
          name,
          unitsAround(unet, name, node.index, slot).filter((unit) =>
            acted.has(unit),
          ),
        ),
      );
      return { ...proto, input };
    });
    const result = graph.output[0]!.name;
    const end = after(
      result,
      unitsAround(unet, result, undefined, -1).filter((unit) =>
        acted.has(unit),
      ),
    );
    nodes.push(op("Identity", [end], ["the_end"]));

    // a switch stands right behind what it reads
    const ordered: NodeProto[] = [];
    const waiting = new Map<string, Switch[]>();
    for (const made of switches.values()) {
      waiting.set(made.from, [...(waiting.get(made.from) ?? []), made]);
    }
    const flush = (name: string): void => {
      for (const made of waiting.get(name) ?? []) {
        ordered.push(
          op("Where", [`on:${made.to}`, `in:${made.to}`, made.from], [made.to]),
        );
        flush(made.to);
      }
    };
    for (const node of nodes) {
      ordered.push(node);
      node.output.forEach(flush);
    }
    for (const { to, value: name } of switches.values()) {
      graph.input.push(value(`on:${to}`, [], ElementType.BOOL));
      graph.input.push(value(`in:${to}`, unet.shapes.get(name)!.dims));
    }
    const outputs = new Set([
      "the_end",
      ...[...switches.values()].map(({ from }) => from),
    ]);
    graph.node = ordered;
    graph.output = [...outputs].map((name) => {
      const base = name === "the_end" ? result : name.split("#")[0]!;
      return value(name, unet.shapes.get(base)!.dims);
    });
    const session = await device.createSession(
      encode(writeModelProto, model),
      external,
    );
    return new ReferenceExecutor(
      device,
      unet,
      plan,
      ordered,
      [...switches.values()],
      session,
    );
  }

  /** Runs all steps. @throws {NeverComputedError} If a value is needed that no step computed */
  async run(guidanceScale: number): Promise<Outputs> {
    const caches = {
      cond: new Map<string, Kept>(),
      uncond: new Map<string, Kept>(),
    };
    const outputs: Partial<Record<Context, Float32Array>>[] = [];
    for (const step of timesteps.keys()) {
      const contexts: Context[] = this.#isGuided(step, guidanceScale)
        ? ["cond", "uncond"]
        : ["cond"];
      const made: Partial<Record<Context, Float32Array>> = {};
      for (const context of contexts) {
        made[context] = await this.#step(step, context, caches[context]);
      }
      outputs.push(made);
    }
    return outputs;
  }

  /** Frees the session. */
  release(): Promise<void> {
    return this.#session.release();
  }

  async #step(
    step: number,
    context: Context,
    cache: Map<string, Kept>,
  ): Promise<Float32Array> {
    const decided = this.#walk(step, context, cache);
    const feeds: Record<string, DeviceTensor> = {};
    const { shapes } = this.#unet;
    const floats = (name: string, data: Float32Array, of = name) => {
      feeds[name] = this.#device.tensor(
        ElementType.FLOAT,
        shapes.get(of)!.dims,
        data,
      );
    };
    floats("sample", inputFor(this.#unet, "sample", step));
    const text = textFor(this.#unet, context);
    if (text) floats("encoder_hidden_states", text);
    const { type, dims } = shapes.get("timestep")!;
    const timestep =
      type === ElementType.INT64
        ? Math.trunc(timesteps[step]!)
        : timesteps[step]!;
    feeds["timestep"] = this.#device.tensor(
      type,
      dims,
      new Array<number>(dims[0] ?? 1).fill(timestep),
    );
    for (const { to, value: name } of this.#switches.values()) {
      const choice = decided.get(to) ?? "computed";
      const count = shapes.get(name)!.dims.reduce((a, b) => a * b, 1);
      const given =
        choice === "cached" ? cache.get(to)!.data : new Float32Array(count);
      feeds[`on:${to}`] = this.#device.tensor(
        ElementType.BOOL,
        [],
        [choice === "computed" ? 0 : 1],
      );
      floats(`in:${to}`, given, name);
    }
    const computed = [...decided].flatMap(([to, choice]) =>
      choice === "computed" ? [this.#switches.get(to)!] : [],
    );
    const fetches = new Set(["the_end", ...computed.map(({ from }) => from)]);
    const outputs = await this.#session.run(feeds, [...fetches]);
    for (const { to, from } of computed) {
      cache.set(to, { data: await this.#device.read(outputs[from]!), step });
    }
    const result = await this.#device.read(outputs["the_end"]!);
    for (const tensor of [...Object.values(feeds), ...Object.values(outputs)])
      tensor.dispose();
    return result;
  }

  /** Walks back from the output and decides at every switch that it meets. */
  #walk(step: number, context: Context, cache: ReadonlyMap<string, Kept>) {
    const decided = new Map<string, "computed" | "cached" | "zero">();
    const makers = new Map(
      this.#nodes.flatMap((node) =>
        node.output.map((name) => [name, node] as const),
      ),
    );
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const met = this.#switches.get(name);
      if (met) {
        const choice = this.#choose(met, step, context, cache.get(name));
        decided.set(name, choice);
        if (choice === "computed") visit(met.from);
      } else makers.get(name)?.input.forEach(visit);
    };
    visit("the_end");
    return decided;
  }

  #choose(
    { unit }: Switch,
    step: number,
    context: Context,
    kept: Kept | undefined,
  ) {
    const rule = this.#ruleAt(unit, step, context);
    if (!rule || rule.action === "run") return "computed";
    if (rule.action === "zero") return "zero";
    if (rule.action !== "reuse") throw new Error(`no ${rule.action} here`);
    const { refresh } = rule;
    const isNew =
      step === 0 || this.#ruleAt(unit, step - 1, context) !== rule || !kept;
    let isDue = false;
    if (refresh === "never") isDue = false;
    else if ("every" in refresh)
      isDue = isNew || step - kept.step >= refresh.every;
    else if ("everyTimesteps" in refresh) {
      isDue =
        isNew ||
        timesteps[kept.step]! - timesteps[step]! >= refresh.everyTimesteps;
    } else if ("at" in refresh) isDue = refresh.at.includes(step);
    else {
      const above = step === 0 ? Infinity : timesteps[step - 1]!;
      isDue = refresh.atTimesteps.some(
        (t) => timesteps[step]! <= t && t < above,
      );
    }
    if (isDue) return "computed";
    if (!kept)
      throw new NeverComputedError(`${unit} at step ${step} (${context})`);
    return "cached";
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

/** The units that hold a value's maker and not its reader, innermost first, then the skip it is. */
function unitsAround(
  { graph, units, dependencies }: Unet,
  name: string,
  reader: number | undefined,
  slot: number,
): string[] {
  const maker = graph.producers.get(name);
  if (!((dependencies.values.get(name) ?? 0) & 4)) return [];
  const prefixes = (path: string) =>
    path
      .split(".")
      .map((_, i, parts) => parts.slice(0, parts.length - i).join("."))
      .filter((prefix) => units.units.has(prefix));
  const outer = new Set(
    reader === undefined ? [] : prefixes(units.unitOf[reader]!),
  );
  const around = maker
    ? prefixes(units.unitOf[maker.index]!).filter((path) => !outer.has(path))
    : [];
  const skip = [...units.units.values()].find(
    (unit) => unit.skip?.reader.index === reader && unit.skip?.slot === slot,
  );
  return skip && reader !== undefined ? [...around, skip.path] : around;
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
