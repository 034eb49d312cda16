// Inner products of units' values over runs of the whole model: what forecasts are fitted on.

import type { Draw, ForecastSite, InnerProducts } from "@phaseskip/ablation";
import type { Study } from "@phaseskip/runtime/internals";

/** What was seen of some units in whole runs. */
export class ForecastRuns {
  /** By `context unit`, and of guidance's difference: one for each run. */
  readonly #products = new Map<string, InnerProducts[]>();

  /**
   * Runs the whole model.
   *
   * @param units their paths; `""` is the whole Unet
   * @param draws what to run, each once
   * @param onRun told how many are done
   */
  static async collect(
    study: Study,
    units: readonly string[],
    draws: readonly Draw[],
    onRun: (done: number, total: number) => void,
  ): Promise<ForecastRuns> {
    const made = new ForecastRuns();
    const { contexts } = study;
    await study.prepareForecasts(units);
    for (const [i, draw] of draws.entries()) {
      onRun(i, draws.length);
      const collector = study.collectProducts(units);
      const run = await study.begin(draw);
      try {
        const end = study.scheduler.timesteps.length;
        await run.advance(run.start(), end, { collect: collector });
      } finally {
        run.dispose();
      }
      for (const unit of units)
        for (const context of contexts)
          made.#add(`${context} ${unit}`, collector.products(unit, [context]));
      if (contexts.length === 2 && units.includes(""))
        made.#add("guidance", collector.differenceProducts());
    }
    return made;
  }

  /** What was seen at a site, run by run; undefined where its unit was not looked at. */
  of({
    unit,
    contexts,
  }: Pick<ForecastSite, "unit" | "contexts">): InnerProducts[] | undefined {
    if (unit === "guidance") return this.#products.get("guidance");
    const parts = contexts.map((one) => this.#products.get(`${one} ${unit}`));
    const [first, ...others] = parts;
    if (!first) return undefined;
    return first.map((run, i) =>
      others.reduce((sum, other) => added(sum, other![i]!), run),
    );
  }

  #add(key: string, products: InnerProducts): void {
    this.#products.set(key, [...(this.#products.get(key) ?? []), products]);
  }
}

function added(a: InnerProducts, b: InnerProducts): InnerProducts {
  const products = a.products.map((value, i) => value + b.products[i]!);
  return { steps: a.steps, products };
}
