// Runs a fixture's Unet alone, step by step, on samples that are given: no sampler, no text encoder.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Graph, Unet, UnetSize } from "@phaseskip/graph";
import { ElementType, fixedBatch, hasText, loadGraph } from "@phaseskip/graph";
import { generator } from "@phaseskip/scheduler";
import { openFolder } from "../../src/folder/model-folder.js";
import type { AdaptiveDecision } from "../../src/schedule/adaptive-decision.js";
import type { Context, Plan, Rule } from "../../src/plan/plan.js";
import { parsePlan } from "../../src/plan/parse-plan.js";
import type { Schedule } from "../../src/schedule/schedule.js";
import { schedulePlan } from "../../src/schedule/schedule.js";
import type { Device, Session } from "../../src/device/session.js";
import { unetInputs } from "../../src/inputs/unet-inputs.js";
import { UnetExecutor } from "../../src/unet/executor.js";
import type { WeightHolding } from "../../src/unet/weight-holding.js";
import { Weights } from "../../src/unet/weights.js";

/** Where a fixture lies. */
export const fixtureFolder = (name: string) =>
  fileURLToPath(new URL(`../../../../models/${name}`, import.meta.url));

/** The bytes of one of its files. */
export const fixtureFile = (name: string, file: string) =>
  new Uint8Array(readFileSync(`${fixtureFolder(name)}/${file}`));

/** The timesteps of every run here: one is fractional, and their distances differ. */
export const timesteps = [950, 800, 650.5, 400, 250, 100];

/** A Unet ready to run. */
export interface OpenUnet {
  readonly graph: Graph;
  readonly unet: Unet;
  readonly executor: UnetExecutor;
  /** Frees the sessions and closes the files. */
  close(): Promise<void>;
}

/** Opens a fixture's Unet. */
export async function openUnet(
  name: string,
  device: Device,
  size: Partial<UnetSize> = {},
  holding?: WeightHolding,
  path = "unet/model.onnx",
): Promise<OpenUnet> {
  const folder = await openFolder(fixtureFolder(name));
  const file = await folder.file(path);
  const graph = await loadGraph(file!, name);
  const weights = new Weights(folder, path);
  const executor = new UnetExecutor(
    device,
    graph,
    weights,
    unetInputs,
    holding,
  );
  const unet = executor.unet({
    batch: fixedBatch(graph) ?? 1,
    channels: name.startsWith("tiny-sd") ? 4 : 3,
    height: 16,
    width: 16,
    tokens: 12,
    textWidth: 8,
    ...size,
  });
  const close = async () => {
    await executor.dispose();
    await folder.close();
  };
  return { graph, unet, executor, close };
}

/** A plan of the phases early (t ≥ 600) and late. */
export function planOf(
  rules: readonly Rule[],
  guidance: Plan["guidance"] = [],
): Plan {
  return parsePlan({
    format: "phaseskip-plan",
    version: 1,
    phases: [
      { name: "early", from: 1000, to: 600 },
      { name: "late", from: 600, to: 0 },
    ],
    rules,
    guidance,
  });
}

/** Schedules a plan; guided where the Unet takes a text. */
export function scheduleOf(
  unet: Unet,
  plan: Plan,
  guidanceScale = 3,
  decisions?: readonly AdaptiveDecision[],
): Schedule {
  return schedulePlan(unet, {
    plan,
    timesteps,
    numTrainTimesteps: 1000,
    guidanceScale: hasText(unet.graph) ? guidanceScale : 1,
    scheduler: "ddim",
    ...(decisions && { decisions }),
  });
}

/** Noise for an input of the Unet, its own for each step or context. */
export function inputFor(
  unet: Unet,
  name: "sample" | "encoder_hidden_states",
  seed: number,
): Float32Array<ArrayBuffer> {
  const { dims } = unet.shapes.get(name)!;
  return generator(seed).randn(dims.reduce((a, b) => a * b, 1));
}

/** The text of a context, if the Unet takes one. */
export function textFor(unet: Unet, context: Context) {
  if (!hasText(unet.graph)) return undefined;
  return inputFor(unet, "encoder_hidden_states", context === "cond" ? 91 : 92);
}

/** Outputs by step and context. */
export type Outputs = readonly Partial<Record<Context, Float32Array>>[];

/**
 * Runs a schedule on the executor.
 * @param decisions gets what adaptive rules decide
 */
export async function runSchedule(
  { executor, unet }: OpenUnet,
  schedule: Schedule,
  decisions: AdaptiveDecision[] = [],
): Promise<Outputs> {
  const { signatures, means } = schedule;
  await executor.prepare(unet, signatures, undefined, means);
  const cond = await executor.begin("cond", textFor(unet, "cond"));
  const text = textFor(unet, "uncond");
  const uncond = await executor.begin("uncond", text, {}, cond);
  const streams = { cond, image: uncond, uncond };
  const adaptive = schedule.adaptive?.();
  const outputs: Partial<Record<Context, Float32Array>>[] = [];
  try {
    for (const { contexts, stepIndex, timestep } of schedule.steps) {
      const sample = inputFor(unet, "sample", stepIndex);
      const made: Partial<Record<Context, Float32Array>> = {};
      for (const planned of contexts) {
        const { context } = planned;
        const call = await executor.call(streams[context], sample, timestep);
        try {
          const scheduled =
            (await adaptive?.context(context, stepIndex, (question) =>
              call.measure(question),
            )) ?? planned;
          decisions.push(...scheduled.decisions);
          made[context] = await call.finish(scheduled);
        } finally {
          call.dispose();
        }
      }
      outputs.push(made);
    }
  } finally {
    streams.cond.dispose();
    streams.uncond.dispose();
    executor.endRun();
  }
  return outputs;
}

/** All steps and contexts of a run that does nothing, in one session. */
export async function runWhole(
  { unet }: OpenUnet,
  device: Device,
  session: Session,
): Promise<Outputs> {
  const outputs: Partial<Record<Context, Float32Array>>[] = [];
  for (const [index, timestep] of timesteps.entries()) {
    const made: Partial<Record<Context, Float32Array>> = {};
    for (const context of ["cond", "uncond"] as const) {
      const text = textFor(unet, context);
      if (!text && context === "uncond") continue;
      const tensor = (name: string, data: Float32Array | number[]) => {
        const { type, dims } = unet.shapes.get(name)!;
        return device.tensor(type, dims, data);
      };
      const step = unet.shapes.get("timestep")!;
      const t =
        step.type === ElementType.INT64 ? Math.trunc(timestep) : timestep;
      const feeds = {
        sample: tensor("sample", inputFor(unet, "sample", index)),
        timestep: tensor(
          "timestep",
          new Array<number>(step.dims[0] ?? 1).fill(t),
        ),
        ...(text && {
          encoder_hidden_states: tensor("encoder_hidden_states", text),
        }),
      };
      const { out_sample: output } = await session.run(feeds, ["out_sample"]);
      made[context] = await device.read(output!);
      for (const used of [...Object.values(feeds), output!]) used.dispose();
    }
    outputs.push(made);
  }
  return outputs;
}

/** The largest difference, as a part of the standard deviation of `right`. */
export function distance(found: Float32Array, right: Float32Array): number {
  if (found.length !== right.length) return Infinity;
  let [sum, squares, largest] = [0, 0, 0];
  right.forEach((value, i) => {
    sum += value;
    squares += value * value;
    largest = Math.max(largest, Math.abs(value - found[i]!));
  });
  const mean = sum / right.length;
  if (largest === 0) return 0; // also of zeros, which deviate by nothing
  return largest / Math.sqrt(squares / right.length - mean * mean);
}

/** The largest distance over all steps and contexts; infinite where those differ. */
export function farthest(found: Outputs, right: Outputs): number {
  const distances = right.flatMap((step, i) =>
    (["cond", "uncond"] as const).map((context) => {
      const [a, b] = [found[i]?.[context], step[context]];
      if (!a || !b) return a === b ? 0 : Infinity;
      return distance(a, b);
    }),
  );
  return found.length === right.length ? Math.max(...distances) : Infinity;
}
