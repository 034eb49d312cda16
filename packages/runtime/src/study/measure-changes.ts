// How much units change from step to step in full runs: what Block Caching makes its schedules from.

import { residualOwner } from "@phaseskip/graph";
import type { Plan } from "../plan/plan.js";
import { emptyPlan } from "../plan/plan.js";
import type { ScheduledContext } from "../schedule/scheduled-context.js";
import type { Device } from "../device/session.js";
import { guided } from "../guidance/guided.js";
import type { Model } from "../pipeline/model.js";
import { sizeRun } from "../pipeline/run-size.js";
import type { GenerateOptions } from "../pipeline/request.js";
import { parseRequest } from "../pipeline/request.js";
import { batched, disposeChunks, prepareRun } from "../pipeline/run-setup.js";
import type { UnetStream } from "../unet/stream.js";

const LAYER = /^((down|up)_blocks\.\d+|mid_block)\.(resnets|attentions)\.\d+$/;
/** With ADM's names; some of these only resample. */
const ADM_LAYER = /^((in|out)put_blocks\.\d+|middle_block)\.\d+$/;

/** What a measurement draws, without a plan. */
export type ChangeOptions = Omit<GenerateOptions, "plan"> & {
  /** Patterns of the units to measure. @default every ResNet and attention of the blocks */
  readonly units?: readonly string[];
};

/**
 * Measures by how much the residual of each unit changes from step to step, in a run of the whole Unet: the mean
 * absolute difference over the mean absolute value (arXiv 2312.03209, equation 4), the mean over both contexts.
 *
 * @returns by unit a number for each step, the first 0: what `blockCache` takes as `changes`
 * @throws {TypeError | RangeError} If the options are wrong
 * @throws {PhaseskipError} As `generate`; `plan-invalid` for a unit without a residual
 */
export async function measureChanges(
  model: Model,
  { units, ...options }: ChangeOptions,
  signal?: AbortSignal,
): Promise<Record<string, number[]>> {
  const asked = { ...options, numImagesPerPrompt: 1 };
  const sized = sizeRun(model, parseRequest(asked, "measure changes"));
  const layers = [...sized.unet.units.units.values()].flatMap((unit) =>
    LAYER.test(unit.path) || (ADM_LAYER.test(unit.path) && unit.residual)
      ? [unit.path]
      : [],
  );
  // a run that keeps every residual at step 0 and adds it from then on; only its step 0 is taken, again and again
  const plan: Plan = {
    ...emptyPlan,
    rules: [
      {
        units: units ?? layers,
        action: "reuse",
        value: "residual",
        refresh: { at: [0] },
      },
    ],
  };
  const request = parseRequest({ ...asked, plan }, "measure changes");
  const setup = await prepareRun(model, request, signal, false);
  const { scheduler, schedule, chunks, batch } = setup;
  const [image] = chunks[0]!.images;
  const { streams } = chunks[0]!;
  const first = schedule.steps[0]!;
  const tallies = new Map(
    first.contexts.map((one) => [one.context, new Tally(one)]),
  );
  try {
    for (const { stepIndex, timestep } of schedule.steps) {
      const input = batched(
        [scheduler.scaleModelInput(image!.sample, stepIndex)],
        batch,
      );
      const outputs: Float32Array<ArrayBuffer>[] = [];
      for (const scheduled of first.contexts) {
        const stream = streams[scheduled.context]!;
        outputs.push(
          await model.unet.step(stream, scheduled, input, timestep, signal),
        );
        await tallies.get(scheduled.context)!.take(model.device, stream);
      }
      const output = guided(outputs, first.guidanceScale);
      const { prevSample, predOriginalSample, state } = scheduler.step({
        modelOutput: output.subarray(0, output.length / batch),
        sample: image!.sample,
        stepIndex,
        state: image!.state,
        noise: scheduler.drawNoise(
          image!.noise,
          stepIndex,
          image!.sample.length,
        ),
      });
      Object.assign(image!, { sample: prevSample, predOriginalSample, state });
    }
    return meanOf([...tallies.values()].map(({ changes }) => changes));
  } finally {
    disposeChunks(chunks);
    model.unet.endRun();
  }
}

/** Changes of one context's residuals. */
class Tally {
  readonly changes = new Map<string, number[]>();
  readonly #before = new Map<string, Float32Array>();
  readonly #scheduled: ScheduledContext;

  constructor(scheduled: ScheduledContext) {
    this.#scheduled = scheduled;
  }

  /** Takes the residuals of one step from a stream's cache. */
  async take(device: Device, { cache }: UnetStream): Promise<void> {
    for (const { entry, port } of this.#scheduled.stores) {
      const shared = cache.get(entry)!;
      const now = await device.read(shared.tensor);
      shared.release();
      cache.delete(entry);
      const before = this.#before.get(entry);
      this.#before.set(entry, now);
      const unit = residualOwner(port.unit) ?? port.unit;
      const list = this.changes.get(unit) ?? [];
      this.changes.set(unit, list);
      list.push(before ? relativeChange(now, before) : 0);
    }
  }
}

function relativeChange(now: Float32Array, before: Float32Array): number {
  let [change, size] = [0, 0];
  for (let i = 0; i < now.length; i++) {
    change += Math.abs(now[i]! - before[i]!);
    size += Math.abs(now[i]!);
  }
  return change === 0 ? 0 : change / size;
}

function meanOf(
  tallies: readonly ReadonlyMap<string, readonly number[]>[],
): Record<string, number[]> {
  const units = [...tallies[0]!.keys()].map((unit) => [
    unit,
    tallies[0]!
      .get(unit)!
      .map(
        (_, i) =>
          tallies.reduce((sum, one) => sum + one.get(unit)![i]!, 0) /
          tallies.length,
      ),
  ]);
  return Object.fromEntries(units) as Record<string, number[]>;
}
