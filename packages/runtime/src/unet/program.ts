// A signature on a partition, as a list of runs: what each one is fed, and what it hands on.

import type {
  LiveGraph,
  Partition,
  Port,
  Scale,
  Segment,
  Unet,
} from "@phaseskip/graph";
import { Dependency, outputChain, portChain, portKey } from "@phaseskip/graph";
import type { CachedRead } from "../schedule/port-decision.js";
import type { Store } from "../schedule/scheduled-context.js";

/** Where an input, a cache's new entry or the result comes from; `like` is a value of the same type and shape. */
export type Source = { readonly like: string } & (
  | {
      /** Made at this step: one of the graph's values, or what a kernel makes. */
      readonly kind: "value";
      readonly value: string;
    }
  | {
      /** Kept: the entry of that index among those that a port reads. */
      readonly kind: "cache";
      readonly port: string;
      readonly index: number;
    }
  | { readonly kind: "zero" }
  | {
      /** Means of the unit's output of that index. */
      readonly kind: "mean";
      readonly unit: string;
      readonly output: number;
    }
);

/** One session run of a segment. */
export interface SegmentRun {
  readonly kind: "segment";
  readonly segment: Segment;
  readonly feeds: readonly { readonly name: string; readonly source: Source }[];
  readonly fetches: readonly string[];
}

/** One run of a small model between segments. */
export interface KernelRun {
  readonly kind: "kernel";
  /** What its result is called. */
  readonly name: string;
  readonly inputs: readonly Source[];
  /** A linear combination with these coefficients, or with those of the kept values that a port reads; or a scaling. */
  readonly work:
    | { readonly coefficients: readonly number[] }
    | { readonly port: string }
    | { readonly scale: Scale };
}

/** What one context does at one step. */
export interface Program {
  readonly runs: readonly ((SegmentRun | KernelRun) & {
    /** Values that nothing reads after this run. */
    readonly frees: readonly string[];
  })[];
  /** Where what is kept comes from, by store. */
  readonly stores: readonly Source[];
  /** The Unet's output; undefined where only probes are computed. */
  readonly output: Source | undefined;
  /** By probe of the live graph. */
  readonly probes: readonly Source[];
}

/**
 * Compiles a signature.
 *
 * @param partition a partition that was made with this live graph among its signatures
 * @param stores what is kept for later steps
 * @param reads the kept values that ports hand on; only their numbers matter here
 * @param hasOutput whether the Unet's output is computed
 */
export function compileProgram(
  unet: Unet,
  { segments }: Partition,
  live: LiveGraph,
  stores: readonly Pick<Store, "port" | "kind">[],
  reads: ReadonlyMap<string, CachedRead>,
  hasOutput: boolean,
): Program {
  const sources = new Sources(unet, live, reads);
  const chainOf = (port: Port) => portChain(unet, port);
  const runs = segments
    .filter((segment) => segment.kind === "step" && isLive(unet, segment, live))
    .map((segment) => ({
      kind: "segment" as const,
      segment,
      feeds: segment.inputs.map(({ name, value, units }) => ({
        name,
        source: sources.of(value, units),
      })),
    }));
  const kept = stores.map(({ port, kind }) => {
    const chain = chainOf(port);
    if (kind === "result") return sources.of(port.value, chain);
    const value = sources.of(port.value, chain.slice(0, -1));
    return kind === "value" ? value : sources.difference(port, value);
  });
  const probes = live.probes.map((port) =>
    sources.of(port.value, chainOf(port)),
  );
  const result = unet.graph.outputs[0]!.name;
  const output = hasOutput
    ? sources.of(result, outputChain(unet, result))
    : undefined;
  const wanted = [...kept, ...probes, ...(output ? [output] : [])];
  return {
    runs: withFrees(inOrder(runs, sources.kernels), wanted),
    stores: kept,
    output,
    probes,
  };
}

/** Finds where values come from, and gathers the kernels that make some of them. */
class Sources {
  /** In an order in which they can run. */
  readonly kernels: KernelRun[] = [];
  readonly #unet: Unet;
  readonly #live: LiveGraph;
  readonly #reads: ReadonlyMap<string, CachedRead>;
  readonly #made = new Set<string>();

  constructor(
    unet: Unet,
    live: LiveGraph,
    reads: ReadonlyMap<string, CachedRead>,
  ) {
    this.#unet = unet;
    this.#live = live;
    this.#reads = reads;
  }

  /** A value as it is behind these units, innermost first. */
  of(value: string, units: readonly string[]): Source {
    const like = value;
    for (const [i, unit] of [...units.entries()].reverse()) {
      const port = portKey({ unit, value });
      const { state, scale } = this.#live.ports.get(port) ?? {};
      switch (state) {
        case undefined:
        case "fresh":
          continue;
        case "zero":
          return { kind: "zero", like };
        case "mean": {
          const { outputs } = this.#unet.units.units.get(unit)!;
          return { kind: "mean", unit, output: outputs.indexOf(value), like };
        }
        case "cache":
          return { kind: "cache", port, index: 0, like };
        case "bypass":
          return this.#mainInput(unit);
        case "scale": {
          const inner = this.of(value, units.slice(0, i));
          return this.#kernel(port, like, [inner], { scale: scale! });
        }
        case "blend": {
          const { entries } = this.#reads.get(port)!;
          const inputs = entries.map((_, index): Source => {
            return { kind: "cache", port, index, like };
          });
          return this.#kernel(port, like, inputs, { port });
        }
        case "residual": {
          const kept: Source = { kind: "cache", port, index: 0, like };
          const inputs = [this.#mainInput(unit), kept];
          return this.#kernel(port, like, inputs, { coefficients: [1, 1] });
        }
        default:
          return state satisfies never;
      }
    }
    return { kind: "value", value, like };
  }

  /** A port's value less its unit's main input. */
  difference(port: Port, value: Source): Source {
    const inputs = [value, this.#mainInput(port.unit)];
    const name = `${portKey(port)}:difference`;
    return this.#kernel(name, port.value, inputs, { coefficients: [1, -1] });
  }

  #mainInput(path: string): Source {
    const { value, reader, slot } =
      this.#unet.units.units.get(path)!.mainInput!;
    return this.of(value, this.#unet.units.unitsBetween(value, reader, slot));
  }

  #kernel(
    name: string,
    like: string,
    inputs: readonly Source[],
    work: KernelRun["work"],
  ): Source {
    if (!this.#made.has(name)) {
      this.#made.add(name);
      this.kernels.push({ kind: "kernel", name, inputs, work });
    }
    return { kind: "value", value: name, like };
  }
}

type Run = Omit<SegmentRun, "fetches"> | KernelRun;

/** Kernels right behind what makes their last input. */
function inOrder(
  segments: readonly Omit<SegmentRun, "fetches">[],
  kernels: readonly KernelRun[],
): Run[] {
  const madeAt = new Map<string, number>();
  segments.forEach(({ segment }, i) => {
    for (const value of segment.outputs) madeAt.set(value, i);
  });
  const behind = new Map<number, KernelRun[]>();
  for (const kernel of kernels) {
    const at = Math.max(
      -1,
      ...kernel.inputs.map((source) =>
        source.kind === "value" ? (madeAt.get(source.value) ?? -1) : -1,
      ),
    );
    madeAt.set(kernel.name, at);
    behind.set(at, [...(behind.get(at) ?? []), kernel]);
  }
  return [
    ...(behind.get(-1) ?? []),
    ...segments.flatMap((run, i) => [run, ...(behind.get(i) ?? [])]),
  ];
}

/** Runs with what they fetch and free; what is wanted in the end is not freed. */
function withFrees(
  runs: readonly Run[],
  wanted: readonly Source[],
): Program["runs"] {
  const lastReader = new Map<string, number>();
  const needed = new Set<string>();
  runs.forEach((run, i) => {
    const sources =
      run.kind === "segment"
        ? run.feeds.map(({ source }) => source)
        : run.inputs;
    for (const source of sources) {
      if (source.kind !== "value") continue;
      needed.add(source.value);
      lastReader.set(source.value, i);
    }
  });
  for (const source of wanted) {
    if (source.kind !== "value") continue;
    needed.add(source.value);
    lastReader.delete(source.value);
  }
  const made = new Set(
    runs.flatMap((run) =>
      run.kind === "segment" ? run.segment.outputs : [run.name],
    ),
  );
  return runs.map((run, i) => {
    const frees = [...lastReader].flatMap(([value, last]) =>
      last === i && made.has(value) ? [value] : [],
    );
    if (run.kind === "kernel") return { ...run, frees };
    const fetches = run.segment.outputs.filter((value) => needed.has(value));
    return { ...run, fetches, frees };
  });
}

function isLive(
  { dependencies }: Unet,
  segment: Segment,
  live: LiveGraph,
): boolean {
  return segment.nodes.some(
    ({ index }) =>
      dependencies.nodes[index] !== Dependency.nothing && live.isLive[index],
  );
}
