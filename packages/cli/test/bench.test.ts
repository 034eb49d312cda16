import { liveGraph } from "@phaseskip/graph";
import {
  openDevice,
  UnetExecutor,
  modelInputs,
  Weights,
} from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import { describe, expect, test } from "vitest";
import { inspectModel, planRun } from "../src/inspection/model-inspection.js";
import { publishedPlans } from "../src/bench/published-plans.js";
import { liveSession, wholeSession } from "../src/bench/raw-session.js";
import { fixture, run } from "./run.js";

describe.each(["tiny-text-ts", "tiny-text-dynamo-f16", "tiny-ddpm-ts"])(
  "raw sessions of %s",
  { timeout: 120_000 },
  (name) => {
    test("wholeSession() and liveSession() compute what the executor computes", async () => {
      const model = await inspectModel(fixture(name));
      const device = await openDevice("wasm", { threads: 1 });
      const weights = new Weights(model.folder, "unet/model.onnx");
      const executor = new UnetExecutor(
        device,
        model.graph,
        weights,
        modelInputs(model.graph, {}),
      );
      const unet = executor.unet(model.size);
      const { schedule } = await planRun(model, "none");
      await executor.prepare(unet, schedule.signatures);
      const noise = generator(1);
      const draw = (input: string) => {
        const dims = unet.shapes.get(input)?.dims;
        return (
          dims && noise.randn(dims.reduce((product, dim) => product * dim, 1))
        );
      };
      const [sample, text] = [draw("sample")!, draw("encoder_hidden_states")];
      const stream = await executor.begin("cond", text);
      const wanted = await executor.step(
        stream,
        schedule.steps[0]!.contexts[0]!,
        sample,
        500,
      );
      const whole = await wholeSession(device, unet, weights);
      const live = await liveSession(
        device,
        unet,
        weights,
        liveGraph(unet, new Set(), () => "fresh"),
      );
      for (const session of [whole, live]) {
        const found = await session.run({ sample, timestep: 500, text });
        const distance = found.map((value, i) => Math.abs(value - wanted[i]!));
        expect(Math.max(...distance)).toBeLessThan(1e-4);
      }
      stream.dispose();
      await executor.dispose();
      await whole.release();
      await live.release();
      await model.folder.close();
    });
  },
);

test("publishedPlans() has every published method, and all run on the model", async () => {
  const model = await inspectModel(fixture("tiny-text-ts"));
  const plans = publishedPlans(model);
  expect(plans.map(({ name }) => name)).toContain("tGate");
  expect(plans).toHaveLength(11);
  for (const plan of plans) {
    const { schedule } = await planRun(model, plan);
    expect(schedule.steps).toHaveLength(30);
    expect(schedule.warnings).toEqual([]);
  }
  await model.folder.close();
});

test(
  "phaseskip bench prints ratios, and with --json every time",
  { timeout: 120_000 },
  async () => {
    const argv = ["bench", fixture("tiny-ddpm-ts")];
    const { exitCode, stdout } = await run([...argv, "--json"]);
    expect(exitCode).toBe(0);
    const { rows, plans } = JSON.parse(stdout) as Record<
      "rows" | "plans",
      { name: string; ours: number[]; raw: number[] }[]
    >;
    expect(rows.map(({ ours, raw }) => [ours.length, raw.length])).toEqual([
      [30, 30],
      [30, 30],
      [30, 30],
    ]);
    expect(plans.map(({ name, ours }) => [name, ours.length])).toEqual(
      [
        ...["deepCache", "deepCache, non-uniform", "fasterDiffusion"],
        ...["blockCache", "firstBlockCache", "deltaReuse"],
        ...["taylorSeer", "spectrum", "freeU"],
        // of a plan that leaves whole calls out, pairs are of the calls that it makes
      ].map((name) => [name, name === "spectrum" ? 14 : 30]),
    );
    const table = await run([...argv, "--plans", "none"]);
    expect(table.stdout).toContain("nothing skipped");
    expect(table.stdout).toMatch(/^none +\d/m);
    expect(
      Math.max(...table.stdout.split("\n").map((line) => line.length)),
    ).toBeLessThanOrEqual(80);
  },
);
