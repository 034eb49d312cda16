// Means per channel of units' outputs, over full runs.

import type { Unet } from "@phaseskip/graph";
import { elementCount } from "@phaseskip/graph";
import type { ChannelMeans } from "../plan/channel-means.js";
import { channelAxis } from "../plan/channel-means.js";
import type { ScheduledContext, Store } from "../schedule/scheduled-context.js";
import type { Device } from "../device/session.js";
import type { UnetStream } from "../unet/stream.js";

interface Sums {
  /** By channel. */
  readonly sums: Float64Array;
  /** Values in each. */
  count: number;
}

/** Adds up what units hand on, at steps of the whole model; both contexts count alike. */
export class MeansCollector {
  readonly #unet: Unet;
  readonly #batch: number;
  /** By unit, for each of its outputs: by timestep the sums per channel, and how many values each is of. */
  readonly #sums = new Map<string, Map<number, Sums>[]>();
  readonly #stores: readonly Store[];

  /**
   * @param paths of the units
   * @param batch samples of one call, of which the first counts
   */
  constructor(unet: Unet, paths: readonly string[], batch: number) {
    this.#unet = unet;
    this.#batch = batch;
    for (const path of paths) {
      const outputs = this.#outputs(path);
      this.#sums.set(
        path,
        outputs.map(() => new Map<number, Sums>()),
      );
    }
    this.#stores = paths.flatMap((path) =>
      this.#outputs(path).map((value, output) => ({
        entry: entryOf(path, output),
        port: { unit: path, value },
        kind: "value" as const,
      })),
    );
  }

  /** Means of nothing: zeros of the right sizes, to check rules with before anything has run. */
  static zeros(
    unet: Unet,
    paths: readonly string[],
    timesteps: readonly number[],
  ): ChannelMeans {
    const collector = new MeansCollector(unet, paths, 1);
    const units = paths.map((path) => [
      path,
      collector
        .#outputs(path)
        .map(
          (value) =>
            new Float32Array(
              timesteps.length * collector.#layout(value).channels,
            ),
        ),
    ]);
    return {
      timesteps,
      units: Object.fromEntries(units) as ChannelMeans["units"],
    };
  }

  /** What a context does at a step of the whole model, with the units' outputs kept. */
  asking(scheduled: ScheduledContext): ScheduledContext {
    return { ...scheduled, stores: [...scheduled.stores, ...this.#stores] };
  }

  /** Takes the outputs from a stream's cache. */
  async take(
    device: Device,
    { cache }: UnetStream,
    timestep: number,
  ): Promise<void> {
    for (const [path, outputs] of this.#sums) {
      for (const [output, byTimestep] of outputs.entries()) {
        const entry = entryOf(path, output);
        const shared = cache.get(entry)!;
        const data = await device.read(shared.tensor);
        shared.release();
        cache.delete(entry);
        const layout = this.#layout(this.#outputs(path)[output]!);
        const known = byTimestep.get(timestep) ?? {
          sums: new Float64Array(layout.channels),
          count: 0,
        };
        byTimestep.set(timestep, known);
        const length = data.length / this.#batch;
        for (let i = 0; i < length; i++) {
          const channel = Math.floor(i / layout.inner) % layout.channels;
          known.sums[channel]! += data[i]!;
        }
        known.count += length / layout.channels;
      }
    }
  }

  /** The means of everything taken. */
  means(): ChannelMeans {
    const all = [...this.#sums.values()].flat();
    const timesteps = [...(all[0]?.keys() ?? [])];
    const units = [...this.#sums].map(([path, outputs]) => [
      path,
      outputs.map((byTimestep) =>
        Float32Array.from(
          timesteps.flatMap((timestep) => {
            const { sums, count } = byTimestep.get(timestep)!;
            return Array.from(sums, (sum) => sum / count);
          }),
        ),
      ),
    ]);
    return {
      timesteps,
      units: Object.fromEntries(units) as ChannelMeans["units"],
    };
  }

  #outputs(path: string): readonly string[] {
    return this.#unet.units.units.get(path)!.outputs;
  }

  /** Channels of a value, and how many values of one channel lie side by side. */
  #layout(value: string): { channels: number; inner: number } {
    const { dims } = this.#unet.shapes.get(value)!;
    const axis = channelAxis(dims.length);
    return {
      channels: dims[axis] ?? 1,
      inner: elementCount(dims.slice(axis + 1)),
    };
  }
}

function entryOf(path: string, output: number): string {
  return `collected ${output} ${path}`;
}
