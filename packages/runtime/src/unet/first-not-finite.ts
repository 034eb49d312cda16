// Which unit's numbers go wrong first: blocks are asked, then the units inside the one that is found.

import {
  ElementType,
  liveGraph,
  PhaseskipError,
  type LiveGraph,
  type Port,
  type Unet,
} from "@phaseskip/graph";
import type { Device } from "../device/session.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Context } from "../plan/plan.js";
import type { UnetStream } from "./stream.js";
import type { UnetCall } from "./unet-call.js";

/** What computes the Unet: its executor. */
export interface UnetRunner {
  /** Frees what one run kept beside its streams. */
  endRun(): void;
  /** Makes ready for runs of these signatures. */
  prepare(
    unet: Unet,
    signatures: readonly LiveGraph[],
    signal?: AbortSignal,
  ): Promise<void>;
  /** Computes what depends on the inputs that stay the same at every step. */
  begin(
    context: Context,
    embedding: undefined,
    added: Readonly<Record<string, Float32Array>>,
  ): Promise<UnetStream>;
  /** Begins a call. */
  call(
    stream: UnetStream,
    sample: Float32Array,
    timestep: number,
    signal?: AbortSignal,
  ): Promise<UnetCall>;
}

/** A call of the Unet whose output is not finite. */
export interface FailedCall {
  /** What computed it, and computes it again. */
  readonly executor: UnetRunner;
  /** Where its values are. */
  readonly device: Device;
  /** The Unet at its size. */
  readonly unet: Unet;
  /** The stream that it was in. */
  readonly stream: UnetStream;
  /** The scaled sample, `[batch, channel, height, width]`. */
  readonly sample: Float32Array;
  /** What the Unet was handed. */
  readonly timestep: number;
  /** Ends the search. */
  readonly signal: AbortSignal | undefined;
}

/** A unit, and what it gives that is not finite. */
interface Found {
  readonly path: string;
  readonly value: number;
}

/**
 * The failure with the first unit that is to blame. The executor is cut anew for it: a run ends with this error.
 * @param failure what was found wrong; returned as it is where no unit can be asked
 */
export async function blameFirstUnit(
  failure: unknown,
  call: FailedCall,
): Promise<unknown> {
  const why = call.sample.every(Number.isFinite)
    ? await unitInWords(call).catch(() => undefined)
    : "the sample it was handed has others already: the step before gave them; ask for another scheduler, more steps, or a lower guidanceScale";
  if (call.signal?.aborted) return call.signal.reason;
  if (why === undefined) return failure;
  return new PhaseskipError(
    "inference-failed",
    `Cannot go on as the Unet at timestep ${call.timestep} must give finite numbers: ${why}`,
    { cause: failure },
  );
}

async function unitInWords(call: FailedCall): Promise<string> {
  const found = await firstNotFinite(call);
  if (!found)
    return "computed once more without a plan, all units do; leave the plan out, or run on another device";
  const weights = [...call.unet.graph.weights.values()];
  const isHalf =
    call.device.hasHalf &&
    weights.some(({ type }) => type === ElementType.FLOAT16);
  const cure = isHalf
    ? 'float16 ends at 65504: load the float32 file with dtype: "fp32", or run with device: "wasm"'
    : "look at its weights, or use another export of the model";
  return `the first unit that does not is ${found.path}, which gives ${found.value}; ${cure}`;
}

/** The deepest unit whose output goes wrong before any other's. */
async function firstNotFinite(call: FailedCall): Promise<Found | undefined> {
  const units = [...call.unet.units.units.values()];
  let found: Found | undefined;
  for (;;) {
    const around = found?.path ?? "";
    const inside = units.filter(
      ({ parent, skip }) => parent === around && !skip,
    );
    const next = await firstAmong(
      inside.map(({ path }) => path),
      call,
    );
    if (!next) return found;
    found = next;
  }
}

/** Runs the whole Unet, keeps what these units give, and looks at it in the order in which it was made. */
async function firstAmong(
  paths: readonly string[],
  { executor, device, unet, stream, sample, timestep, signal }: FailedCall,
): Promise<Found | undefined> {
  if (paths.length === 0) return undefined;
  const acted = new Set(paths);
  const { ports: reached } = liveGraph(unet, acted, () => "fresh");
  const probes = [...reached.values()].sort(
    (a, b) => madeAt(unet, a) - madeAt(unet, b),
  );
  const live = liveGraph(unet, acted, () => "fresh", { probes });
  executor.endRun();
  await executor.prepare(unet, [live], signal);
  const given: Record<string, Float32Array> = {};
  for (const [name, { tensor }] of stream.text)
    if (unet.graph.inputs.some((input) => input.name === name))
      given[name] = await device.read(tensor);
  const again = await executor.begin(stream.context, undefined, given);
  const call = await executor.call(again, sample, timestep, signal);
  try {
    await call.compute(keeping(probes, again));
    for (const [i, { unit }] of probes.entries()) {
      const kept = again.cache.get(`${i}`);
      const data = kept && (await device.read(kept.tensor));
      const value = data?.find((one) => !Number.isFinite(one));
      if (value !== undefined) return { path: unit, value };
    }
    return undefined;
  } finally {
    call.dispose();
    again.dispose();
  }
}

function madeAt({ graph }: Unet, { value }: Port): number {
  return graph.producers.get(value)?.index ?? -1;
}

/** All is computed, and what the ports give is kept by their index. */
function keeping(
  ports: readonly Port[],
  { context }: UnetStream,
): ScheduledContext {
  return {
    context,
    signature: 0,
    stores: ports.map((port, i) => ({ entry: `${i}`, port, kind: "value" })),
    reads: new Map(),
    drops: [],
    computed: [],
    reused: new Map(),
    zeroed: [],
    changed: new Map(),
    decisions: [],
  };
}
