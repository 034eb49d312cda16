// A signature on a partition, as a list of session runs: what each one is fed, and what it hands on.

import type {
  LiveGraph,
  Partition,
  Port,
  Segment,
  Unet,
} from "@phaseskip/graph";
import { Dependency, portKey } from "@phaseskip/graph";

/** Where a segment's input, a cache's new entry or the result comes from. */
export type Source =
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "cache"; readonly port: string; readonly value: string }
  | { readonly kind: "zero"; readonly value: string };

/** One session run. */
export interface ProgramRun {
  readonly segment: Segment;
  readonly feeds: readonly { readonly name: string; readonly source: Source }[];
  readonly fetches: readonly string[];
  /** Values that nothing reads after this run. */
  readonly frees: readonly string[];
}

/** What one context does at one step. */
export interface Program {
  readonly runs: readonly ProgramRun[];
  readonly stores: readonly {
    readonly port: string;
    readonly source: Source;
  }[];
  readonly output: Source;
}

/**
 * Compiles a signature.
 *
 * @param partition a partition that was made with this live graph among its signatures
 * @param stores ports whose value is kept for later steps
 */
export function compileProgram(
  unet: Unet,
  { segments }: Partition,
  live: LiveGraph,
  stores: readonly Port[],
): Program {
  const result = unet.graph.outputs[0]!.name;
  const chains = portChains(unet, segments, result);
  const source = (value: string, units: readonly string[]): Source => {
    for (const unit of units.toReversed()) {
      const port = portKey({ unit, value });
      const state = live.ports.get(port)?.state ?? "fresh";
      if (state === "cache") return { kind: "cache", port, value };
      if (state === "zero") return { kind: "zero", value };
    }
    return { kind: "value", value };
  };
  const output = source(result, chains.output);
  const kept = stores.map((port) => {
    const inner = chains.ports.get(portKey(port)) ?? [];
    return { port: portKey(port), source: source(port.value, inner) };
  });
  const lastReader = new Map<string, number>();
  const needed = new Set<string>();
  const runs = segments
    .filter((segment) => segment.kind === "step" && isLive(unet, segment, live))
    .map((segment, i) => ({
      segment,
      feeds: segment.inputs.map(({ name, value, units }) => {
        const from = source(value, units);
        if (from.kind === "value") {
          needed.add(value);
          lastReader.set(value, i);
        }
        return { name, source: from };
      }),
    }));
  for (const { source: from } of [...kept, { source: output }]) {
    if (from.kind !== "value") continue;
    needed.add(from.value);
    lastReader.delete(from.value);
  }
  const made = new Set(runs.flatMap(({ segment }) => segment.outputs));
  return {
    runs: runs.map(({ segment, feeds }, i) => ({
      segment,
      feeds,
      fetches: segment.outputs.filter((value) => needed.has(value)),
      frees: [...lastReader].flatMap(([value, last]) =>
        last === i && made.has(value) ? [value] : [],
      ),
    })),
    stores: kept,
    output,
  };
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

/** For each port that is ever read, the acting units inside it; and those before the graph's output. */
function portChains(unet: Unet, segments: readonly Segment[], result: string) {
  const ports = new Map<string, readonly string[]>();
  const note = (value: string, units: readonly string[]) => {
    units.forEach((unit, i) =>
      ports.set(portKey({ unit, value }), units.slice(0, i)),
    );
  };
  for (const { inputs } of segments)
    for (const { value, units } of inputs) note(value, units);
  const output = unet.units.unitsBetween(result, undefined, -1);
  note(result, output);
  return { ports, output };
}
