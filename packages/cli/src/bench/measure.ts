// Times of the executor and of raw ONNX Runtime sessions, taken in turn.

import {
  isFloat,
  liveGraph,
  type LiveGraph,
  type Unet,
} from "@phaseskip/graph";
import type { Context } from "@phaseskip/runtime";
import {
  openDevice,
  schedulePlan,
  emptyPlan,
  UnetExecutor,
  modelInputs,
  Weights,
  type Device,
  type Schedule,
  type ScheduledStep,
  type UnetStream,
} from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import type { ModelInspection } from "../inspection/model-inspection.js";
import {
  liveSession,
  wholeSession,
  type RawSession,
  type UnetInputs,
} from "./raw-session.js";

/** Two times a pair, taken one right after the other; in ms, of all contexts of one step. */
export interface TimePairs {
  /** The executor. */
  readonly ours: readonly number[];
  /** One raw session for each context, in the same order of contexts. */
  readonly raw: readonly number[];
}

/** Times on a partition. */
export interface SegmentedTimes extends TimePairs {
  /** Sessions of the executor. */
  readonly segments: number;
}

/** What one plan took: pairs are of the steps that compute something of the Unet. */
export interface PlanTimes extends SegmentedTimes {
  /** The executor, at every step. */
  readonly all: readonly number[];
  /** The whole file in one raw session, at every step. */
  readonly whole: readonly number[];
}

/** Says how far a measurement is. */
export type OnPair = (done: number, total: number) => void;

const TRAIN_TIMESTEPS = 1000;
/** Calls of each side before the first pair. */
const WARM_UP = 3;

/** Measures one model on ONNX Runtime's WebAssembly. */
export class Measurement {
  readonly device: Device;
  readonly #unet: Unet;
  readonly #executor: UnetExecutor;
  readonly #weights: Weights;
  readonly #whole: RawSession;
  readonly #contexts: number;
  readonly #sample: Float32Array;
  readonly #text: Float32Array | undefined;
  /** What some Unets are told beside the text; any values will do. */
  readonly #added: Readonly<Record<string, Float32Array>>;

  private constructor(
    model: ModelInspection,
    device: Device,
    weights: Weights,
    executor: UnetExecutor,
    unet: Unet,
    whole: RawSession,
  ) {
    this.device = device;
    this.#weights = weights;
    this.#executor = executor;
    this.#unet = unet;
    this.#whole = whole;
    this.#contexts = model.contexts.length;
    const noise = generator(0);
    const length = (name: string) =>
      (unet.shapes.get(name)?.dims ?? []).reduce(
        (product, dim) => product * dim,
        1,
      );
    this.#sample = noise.randn(length("sample"));
    const hasText = unet.shapes.has("encoder_hidden_states");
    this.#text = hasText
      ? noise.randn(length("encoder_hidden_states"))
      : undefined;
    const added = unet.graph.inputs.filter(
      ({ name }) =>
        !["sample", "timestep", "encoder_hidden_states"].includes(name),
    );
    // what counts things has few of them for certain
    this.#added = Object.fromEntries(
      added.map(({ name, type }) => [
        name,
        isFloat(type)
          ? noise.randn(length(name))
          : new Float32Array(length(name)),
      ]),
    );
  }

  /**
   * Opens the device and the raw session of the whole file.
   * @throws {PhaseskipError} If a session cannot be made.
   */
  static async open(model: ModelInspection): Promise<Measurement> {
    const { folder, graph, size, index } = model;
    const device = await openDevice("wasm");
    const weights = new Weights(folder, index.unetPath);
    const executor = new UnetExecutor(
      device,
      graph,
      weights,
      modelInputs(graph, index.constants),
    );
    const unet = executor.unet(size);
    const whole = await wholeSession(device, unet, weights);
    return new Measurement(model, device, weights, executor, unet, whole);
  }

  /**
   * The Unet cut so that every one of the given units could be left out, though none is, against the whole file in
   * one session; without units this is a plan that does nothing.
   */
  async cutApart(
    units: readonly string[],
    pairs: number,
    onPair: OnPair,
  ): Promise<SegmentedTimes> {
    const signatures = units.map((unit) =>
      liveGraph(this.#unet, new Set([unit]), () => "cache"),
    );
    const times = await this.#cut(signatures, pairs, onPair);
    return { ...times, segments: this.#executor.segments.length };
  }

  /** Every step of a plan's run against raw sessions of the steps' live nodes, and against the whole file. */
  async plan(
    { steps, signatures, means }: Schedule,
    onPair: OnPair,
  ): Promise<PlanTimes> {
    await this.#executor.prepare(this.#unet, signatures, undefined, means);
    // adaptive rules have signatures for what they may decide, too
    const used = new Set(
      steps.flatMap(({ contexts }) => contexts.map((one) => one.signature)),
    );
    const raw = new Map<number, RawSession>();
    const pairs = { ours: [] as number[], raw: [] as number[] };
    const every = { all: [] as number[], whole: [] as number[] };
    try {
      for (const index of used) {
        const live = signatures[index]!;
        if (!live.isLive.includes(true)) continue; // the whole call is left out
        raw.set(
          index,
          await liveSession(this.device, this.#unet, this.#weights, live),
        );
      }
      const [first] = steps;
      for (const session of raw.values())
        await this.#warmUp(() => session.run(this.#inputs(first!.timestep)));
      await this.#withStreams(async (streams) => {
        for (const step of steps) await this.#step(streams, step);
      });
      await this.#withStreams(async (streams) => {
        for (const [i, step] of steps.entries()) {
          const inputs = this.#inputs(step.timestep);
          const sides = {
            ours: () => this.#step(streams, step),
            raw: async () => {
              for (const { signature } of step.contexts)
                await raw.get(signature)?.run(inputs);
            },
            whole: async () => {
              for (let c = 0; c < this.#contexts; c++)
                await this.#whole.run(inputs);
            },
          };
          const { ours, raw: live, whole } = await inTurn(sides, i);
          every.all.push(ours);
          every.whole.push(whole);
          if (step.contexts.some(({ signature }) => raw.has(signature))) {
            pairs.ours.push(ours);
            pairs.raw.push(live);
          }
          onPair(i + 1, steps.length);
        }
      });
      return { ...pairs, ...every, segments: this.#executor.segments.length };
    } finally {
      for (const session of raw.values()) await session.release();
    }
  }

  /** Frees sessions and tensors; the folder stays open. */
  async close(): Promise<void> {
    await this.#executor.dispose();
    await this.#whole.release();
  }

  async #cut(
    signatures: readonly LiveGraph[],
    pairs: number,
    onPair: OnPair,
  ): Promise<TimePairs> {
    const count = pairs + WARM_UP;
    const schedule = schedulePlan(this.#unet, {
      plan: emptyPlan,
      // each step has a timestep of its own, as in a run
      timesteps: Array.from({ length: count }, (_, i) =>
        // above 0, of which a noise level has no logarithm
        Math.ceil((TRAIN_TIMESTEPS * (count - i)) / count),
      ),
      numTrainTimesteps: TRAIN_TIMESTEPS,
      guidanceScale: this.#contexts === 1 ? 1 : 2,
      scheduler: "ddim",
    });
    await this.#executor.prepare(this.#unet, [
      ...schedule.signatures,
      ...signatures,
    ]);
    const times = { ours: [] as number[], raw: [] as number[] };
    await this.#withStreams(async (streams) => {
      for (const [i, step] of schedule.steps.entries()) {
        const inputs = this.#inputs(step.timestep);
        const sides = {
          ours: () => this.#step(streams, step),
          raw: async () => {
            for (let c = 0; c < this.#contexts; c++)
              await this.#whole.run(inputs);
          },
        };
        const { ours, raw } = await inTurn(sides, i);
        if (i < WARM_UP) continue;
        times.ours.push(ours);
        times.raw.push(raw);
        onPair(i + 1 - WARM_UP, pairs);
      }
    });
    return times;
  }

  async #warmUp(run: () => Promise<unknown>): Promise<void> {
    for (let i = 0; i < WARM_UP; i++) await run();
  }

  async #withStreams(
    work: (streams: ReadonlyMap<Context, UnetStream>) => Promise<void>,
  ): Promise<void> {
    const streams = new Map<Context, UnetStream>();
    try {
      for (const context of (["cond", "uncond"] as const).slice(
        0,
        this.#contexts,
      )) {
        streams.set(
          context,
          await this.#executor.begin(
            context,
            this.#text,
            this.#added,
            streams.get("cond"),
          ),
        );
      }
      await work(streams);
    } finally {
      for (const stream of streams.values()) stream.dispose();
      this.#executor.endRun();
    }
  }

  async #step(
    streams: ReadonlyMap<Context, UnetStream>,
    { contexts, timestep }: ScheduledStep,
  ): Promise<void> {
    for (const scheduled of contexts) {
      await this.#executor.step(
        streams.get(scheduled.context)!,
        scheduled,
        this.#sample,
        timestep,
      );
    }
  }

  #inputs(timestep: number): UnetInputs {
    return { sample: this.#sample, timestep, text: this.#text };
  }
}

/** Runs each side once, for its time in ms; who goes first changes from turn to turn. */
async function inTurn<K extends string>(
  sides: Readonly<Record<K, () => Promise<void>>>,
  turn: number,
): Promise<Record<K, number>> {
  const names = Object.keys(sides) as K[];
  if (turn % 2 === 1) names.reverse();
  const times = {} as Record<K, number>;
  for (const name of names) {
    const start = performance.now();
    await sides[name]();
    times[name] = performance.now() - start;
  }
  return times;
}
