import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ElementType, loadGraph } from "@phaseskip/graph";
import { describe, expect, test, vi } from "vitest";
import { handMadeUnet } from "../../../graph/test/hand-made-unet.js";
import { openFolder } from "../../src/folder/model-folder.js";
import type { Rule } from "../../src/plan/plan.js";
import { openDevice } from "../../src/device/session.js";
import { UnetExecutor } from "../../src/unet/executor.js";
import { Weights } from "../../src/unet/weights.js";
import {
  distance,
  inputFor,
  planOf,
  runSchedule,
  scheduleOf,
  timesteps,
} from "./unet-runs.js";

vi.setConfig({ testTimeout: 60_000 });

const pixels = 16;

/** What the Unet makes of a sample `[1, 2, 4, 4]`, written out; the middle and the skip may be replaced. */
function oracle(
  sample: Float32Array,
  timestep: number,
  replaced: { mid?: Float32Array; skip?: Float32Array } = {},
) {
  const x = sample.map((value) => 3 * value);
  const mid =
    replaced.mid ??
    x.map((value) =>
      Math.trunc(timestep) > 500 ? Math.fround(value * 1.5) : 2 - value,
    );
  const joined = [...mid, ...(replaced.skip ?? x)];
  const output = sample.map((value, i) => {
    const column = [0, 1, 2, 3].map((c) => joined[c * pixels + (i % pixels)]!);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / 4;
    return mean(column.map((one) => Math.max(one, 0))) + mean(column) + value;
  });
  return { output, mid };
}

describe("UnetExecutor runs branches and local functions", () => {
  test.each([
    ["float32", ElementType.FLOAT, 1e-5],
    ["float16 widened", ElementType.FLOAT16, 1e-5],
  ])("%s", async (_, type, tolerance) => {
    const directory = await mkdtemp(join(tmpdir(), "phaseskip-"));
    await mkdir(join(directory, "unet"));
    await writeFile(
      join(directory, "unet/model.onnx"),
      handMadeUnet({ type: type }),
    );
    const folder = await openFolder(directory);
    const device = await openDevice("wasm", { threads: 1 });
    const graph = await loadGraph((await folder.file("unet/model.onnx"))!);
    const weights = new Weights(folder, "unet/model.onnx");
    const executor = new UnetExecutor(device, graph, weights);
    const size = { batch: 1, channels: 2, height: 4, width: 4 };
    const unet = executor.unet(size);
    const run = (rules: Rule[]) =>
      runSchedule(
        { graph, unet, executor, close: () => executor.dispose() },
        scheduleOf(unet, planOf(rules)),
      );

    const kept: Float32Array[] = [];
    const plans: Record<string, Rule[]> = {
      nothing: [],
      zero: [{ units: ["mid_block"], action: "zero" }],
      skip: [{ units: ["**.skip"], phases: ["late"], action: "zero" }],
      reuse: [{ units: ["mid_block"], action: "reuse", refresh: { every: 2 } }],
    };
    for (const [name, rules] of Object.entries(plans)) {
      const found = await run(rules);
      found.forEach(({ cond }, i) => {
        const sample = inputFor(unet, "sample", i);
        const t = timesteps[i]!;
        const zeros = new Float32Array(2 * pixels);
        const mid = i % 2 === 1 ? kept.at(-1)! : undefined;
        const right = oracle(sample, t, {
          ...(name === "zero" && { mid: zeros }),
          ...(name === "skip" && t < 600 && { skip: zeros }),
          ...(name === "reuse" && mid && { mid }),
        });
        kept.push(right.mid);
        expect(distance(cond!, right.output), `${name}, ${i}`).toBeLessThan(
          tolerance,
        );
      });
    }
    await executor.dispose();
    await folder.close();
    await rm(directory, { recursive: true });
  });
});
