// npm run bench:guidance FOLDER [SIDE...]: both contexts of a step as one call of batch 2 beside two calls of batch 1, of
// the whole Unet on WASM with one thread, in turn. Prints the ratio of the medians: below 1 where one call is faster.

import { bootstrapMedianRatio, median } from "@phaseskip/metrics";
import {
  emptyPlan,
  modelInputs,
  openDevice,
  schedulePlan,
  UnetExecutor,
  Weights,
  type Device,
} from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import {
  inspectModel,
  type ModelInspection,
} from "../../packages/cli/src/inspection/model-inspection.js";

const [folder, ...sides] = process.argv.slice(2);
if (folder === undefined)
  throw new TypeError("Usage: npm run bench:guidance FOLDER [SIDE...]");
const pairs = 9;

const model = await inspectModel(folder);
const device = await openDevice("wasm", { threads: 1 });
for (const side of sides.length > 0 ? sides.map(Number) : [model.size.height]) {
  const one = await opened(model, device, 1, side);
  const two = await opened(model, device, 2, side);
  const times = { together: [] as number[], apart: [] as number[] };
  const once = {
    together: () => two.call(),
    apart: async () => {
      await one.call();
      await one.call();
    },
  };
  for (let pair = -1; pair < pairs; pair++) {
    const order = ["together", "apart"] as const;
    for (const name of pair % 2 === 0 ? order : order.toReversed()) {
      const start = performance.now();
      await once[name]();
      if (pair >= 0) times[name].push(performance.now() - start);
    }
  }
  const ratio = bootstrapMedianRatio(times.together, times.apart);
  const { value, lower, upper } = ratio;
  console.log(
    `${side} × ${side}: ${value.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)}; ${median(times.together).toFixed(0)} ms ÷ ${median(times.apart).toFixed(0)} ms)`,
  );
  await one.dispose();
  await two.dispose();
}
await model.folder.close();

/** The Unet at a batch, ready to be called. */
async function opened(
  { folder, graph, index, size }: ModelInspection,
  on: Device,
  batch: number,
  side: number,
): Promise<{ call: () => Promise<void>; dispose: () => Promise<void> }> {
  const weights = new Weights(folder, index.unetPath);
  const inputs = modelInputs(graph, index.constants);
  const executor = new UnetExecutor(on, graph, weights, inputs);
  const unet = executor.unet({ ...size, batch, height: side, width: side });
  const { steps, signatures } = schedulePlan(unet, {
    plan: emptyPlan,
    timesteps: [500],
    numTrainTimesteps: 1000,
    guidanceScale: 1,
    scheduler: "ddim",
  });
  await executor.prepare(unet, signatures);
  const noise = generator(0);
  const given = (name: string) => {
    const { dims } = unet.shapes.get(name)!;
    return noise.randn(dims.reduce((product, dim) => product * dim, 1));
  };
  const fed = graph.inputs
    .map(({ name }) => name)
    .filter((name) => name !== "sample" && name !== "timestep");
  const stream = await executor.begin(
    "cond",
    undefined,
    Object.fromEntries(fed.map((name) => [name, given(name)])),
  );
  const sample = given("sample");
  const [{ contexts }] = steps as [(typeof steps)[0]];
  return {
    call: async () => {
      await executor.step(stream, contexts[0]!, sample, 500);
    },
    dispose: async () => {
      stream.dispose();
      executor.endRun();
      await executor.dispose();
    },
  };
}
