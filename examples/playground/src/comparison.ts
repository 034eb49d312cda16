// Two runs on one pipeline, the whole Unet's and the plan's: predicted, drawn and compared.

import {
  type DescribeOptions,
  type GenerateOptions,
  type Generated,
  type Picture,
  type Pipeline,
  type Plan,
  describePlan,
} from "phaseskip";
import {
  type Prediction,
  clearMeasured,
  deviceName,
  seconds,
  showMeasured,
  showPrediction,
  unetTime,
} from "./numbers.js";
import { get, say, showProgress } from "./page.js";
import { difference, likeness, show } from "./pictures.js";
import type { Request } from "./request.js";
import type { Strip } from "./strip.js";
import type { Timeline } from "./timeline.js";

const canvases = {
  full: get<HTMLCanvasElement>("full"),
  skipped: get<HTMLCanvasElement>("skipped"),
  difference: get<HTMLCanvasElement>("difference"),
};

const names = { full: "The whole Unet", skipped: "The plan" };

/** Shows both runs on the page. */
export class Comparison {
  readonly #strip: Strip;
  readonly #timeline: Timeline;
  /** The whole Unet's last picture, kept while only the plan changes. */
  #whole: { readonly key: string; readonly generated: Generated } | undefined;

  constructor(strip: Strip, timeline: Timeline) {
    this.#strip = strip;
    this.#timeline = timeline;
  }

  /** The whole Unet's last picture. */
  get lastPicture(): Picture | undefined {
    return this.#whole?.generated.images[0];
  }

  /**
   * Shows what the plan is to do and to save, in multiply-accumulates alone: times take seconds to predict.
   * @throws what the plan's run would, before its first step
   */
  async predict(
    model: Pipeline,
    request: Request,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { ...request, time: false, signal };
    const prediction = await describeBoth(model, plan, options);
    clearMeasured();
    this.#timeline.close();
    showPrediction(prediction);
    this.#strip.plan(prediction.plan, plan.phases);
  }

  /**
   * Draws the whole Unet's picture, unless the last one is it, then the plan's, and what is between them. At last it
   * predicts the times, for which parts are run that were never timed on this device.
   * @param key what the whole Unet's picture depends on
   */
  async draw(
    model: Pipeline,
    request: Request,
    key: string,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<void> {
    say("Looking at the plan …");
    await this.predict(model, request, plan, signal);
    if (this.#whole?.key !== key) {
      for (const which of ["full", "skipped", "difference"])
        get(`${which}-note`).textContent = "–";
      const generated = await this.#run(
        model,
        { ...request, plan: "none" },
        "full",
        signal,
      );
      this.#whole = { key, generated };
    }
    const full = this.#whole.generated;
    get("full-note").textContent = seconds(unetTime(full));
    const skipped = await this.#run(
      model,
      { ...request, plan },
      "skipped",
      signal,
    );
    get("skipped-note").textContent = seconds(unetTime(skipped));
    compare(full, skipped);
    this.#timeline.open();
    showProgress(0, "timing parts for the prediction …");
    const options = { ...request, signal };
    showPrediction(await describeBoth(model, plan, options));
  }

  async #run(
    model: Pipeline,
    request: GenerateOptions,
    which: "full" | "skipped",
    signal: AbortSignal,
  ): Promise<Generated> {
    say(`${names[which]} draws …`);
    const kept = this.#timeline.begin(which);
    const steps = model.denoise({ ...request, signal, preview: 1 });
    for (;;) {
      const next = await steps.next();
      if (next.done) {
        const prompt =
          request.prompt === undefined ? "" : `: ${String(request.prompt)}`;
        const label = `${names[which]}’s picture${prompt}`;
        show(canvases[which], next.value.images[0]!, label);
        return next.value;
      }
      const { stepIndex, stepCount, report, preview } = next.value;
      if (which === "skipped") this.#strip.add(report);
      const words = `step ${stepIndex + 1} of ${stepCount}`;
      if (preview) {
        kept.add(report, preview[0]!);
        show(canvases[which], preview[0]!, `${names[which]}, ${words}`);
      }
      showProgress((stepIndex + 1) / stepCount, words);
    }
  }
}

async function describeBoth(
  model: Pipeline,
  plan: Plan,
  options: DescribeOptions,
): Promise<Prediction> {
  return {
    plan: await describePlan(model, plan, options),
    whole: await describePlan(model, "none", options),
  };
}

function compare(full: Generated, skipped: Generated): void {
  const [a, b] = [full.images[0]!, skipped.images[0]!];
  const alike = `SSIM ${likeness(a, b).toFixed(3)}`;
  show(canvases.difference, difference(a, b), `Their difference; ${alike}`);
  get("difference-note").textContent = alike;
  showMeasured(full, skipped);
  const { device, threads, warnings } = skipped.report;
  const many = threads > 1 ? ` on ${threads} threads` : "";
  say(`Drawn by ${deviceName(device)}${many}. ${alike}.`, warnings);
}
