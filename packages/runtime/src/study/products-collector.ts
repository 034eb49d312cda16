// Inner products between the values that units hand on at a run's steps: all that a fit of forecasts needs of a run.

import type { Unet } from "@phaseskip/graph";
import { unitAt } from "@phaseskip/graph";
import type { Device } from "../device/session.js";
import type { Context } from "../plan/plan.js";
import type { ScheduledContext, Store } from "../schedule/scheduled-context.js";
import type { UnetStream } from "../unet/stream.js";

/** Inner products between the values of a run's steps: `products[i · steps + j] = ⟨yᵢ, yⱼ⟩`. */
export interface StepProducts {
  /** Steps of the run. */
  readonly steps: number;
  /** `[step, step]`, row-major, symmetric. */
  readonly products: Float64Array;
}

/** Gathers what units hand on in one run of the whole model; it is held until {@link ProductsCollector.products}. */
export class ProductsCollector {
  readonly #batch: number;
  readonly #stores: readonly (Store & { readonly unit: string })[];
  /** By unit and context: what its outputs were, one after the other, step by step. */
  readonly #values = new Map<string, Float32Array[]>();

  /**
   * @param paths of the units; `""` is the whole Unet
   * @param batch samples of one call, of which the first counts
   */
  constructor(unet: Unet, paths: readonly string[], batch: number) {
    this.#batch = batch;
    this.#stores = paths.flatMap((unit) =>
      unitAt(unet, unit).outputs.map((value) => ({
        unit,
        entry: `collected ${value}@${unit}`,
        port: { unit, value },
        kind: "value" as const,
      })),
    );
  }

  /** What a context does at a step of the whole model, with the units' outputs kept. */
  asking(scheduled: ScheduledContext): ScheduledContext {
    const stores = this.#stores.map(({ unit: _, ...store }) => store);
    return { ...scheduled, stores: [...scheduled.stores, ...stores] };
  }

  /** Takes the outputs from a stream's cache. */
  async take(device: Device, { cache, context }: UnetStream): Promise<void> {
    const made = new Map<string, Float32Array[]>();
    for (const { entry, unit } of this.#stores) {
      const shared = cache.get(entry)!;
      const data = await device.read(shared.tensor);
      shared.release();
      cache.delete(entry);
      const own = data.subarray(0, data.length / this.#batch);
      made.set(unit, [...(made.get(unit) ?? []), own]);
    }
    for (const [unit, outputs] of made) {
      const key = `${context} ${unit}`;
      const steps = this.#values.get(key) ?? [];
      this.#values.set(key, [...steps, joined(outputs)]);
    }
  }

  /** Inner products of a unit in these contexts together. */
  products(unit: string, contexts: readonly Context[]): StepProducts {
    const all = contexts.map((context) =>
      productsOf(this.#steps(unit, context)),
    );
    return all.reduce((sum, one) => ({
      steps: sum.steps,
      products: sum.products.map((value, i) => value + one.products[i]!),
    }));
  }

  /** Inner products of `uncond − cond` of the whole Unet. */
  differenceProducts(): StepProducts {
    const cond = this.#steps("", "cond");
    const differences = this.#steps("", "uncond").map((values, i) =>
      values.map((value, k) => value - cond[i]![k]!),
    );
    return productsOf(differences);
  }

  #steps(unit: string, context: Context): readonly Float32Array[] {
    return this.#values.get(`${context} ${unit}`)!;
  }
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const length = arrays.reduce((sum, one) => sum + one.length, 0);
  const all = new Float32Array(length);
  let at = 0;
  for (const one of arrays) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}

function productsOf(values: readonly Float32Array[]): StepProducts {
  const steps = values.length;
  const products = new Float64Array(steps * steps);
  values.forEach((a, i) => {
    for (let j = 0; j <= i; j++) {
      const b = values[j]!;
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
      products[i * steps + j] = sum;
      products[j * steps + i] = sum;
    }
  });
  return { steps, products };
}
