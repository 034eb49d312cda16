// The terrain model of adaptive-terrain-diffusion, cut at every unit, against the whole file in one session: exactness and
// cost on a Unet that nobody here made.
//   npm run test:terrain             all 705 units at once; fetches the model into out/terrain first, with Python's pip
//   npm run test:terrain -- blocks   and each block and each skip alone
//   npm run test:terrain -- every    and each unit alone
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadGraph } from "@phaseskip/graph";
import { openDevice } from "../packages/runtime/src/device/session.js";
import { openFolder } from "../packages/runtime/src/folder/model-folder.js";
import { Model } from "../packages/runtime/src/pipeline/model.js";
import { generator } from "@phaseskip/scheduler";
import { wholeSession } from "../packages/cli/src/bench/raw-session.js";
import { runCutAt } from "../packages/runtime/test/unet/cut-apart.js";
import { Weights } from "../packages/runtime/src/unet/weights.js";

/** What one device calls the same, in standard deviations. */
const SAME = 1e-5;
const SIGMA = 80;

const folder = fileURLToPath(new URL("../out/terrain/", import.meta.url));
const path = `${folder}model.onnx`;
if (!existsSync(path)) {
  const setUp = new URL("../examples/terrain/set-up.mjs", import.meta.url);
  const args = [fileURLToPath(setUp), folder];
  execFileSync(process.execPath, args, { stdio: "inherit" });
}
const device = await openDevice("wasm", { threads: 1 });
const opened = await openFolder(path);
const model = await Model.load(opened, device);
const executor = model.unet;
const unet = executor.unet({ batch: 1, channels: 1, height: 128, width: 128 });
const units = [...unet.units.units.keys()];
const noise = generator(7).randn(128 * 128);
const fed = {
  sample: noise.map((value) => value * SIGMA),
  timestep: SIGMA,
  // what the raw session is fed
  others: { difficulty: Float32Array.of(0.1) },
};

const file = await opened.file("model.onnx");
console.log(
  `${units.length} units, ${units.filter((unit) => unit.endsWith(".skip")).length} skips, ${(await loadGraph(file!)).nodes.length} nodes`,
);
const started = performance.now();
const time = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
let failed = 0;
const whole = await runCutAt(executor, unet, [], fed);
const check = (what: string, output: Float32Array) => {
  const apart = distance(output, whole.output);
  if (!(apart < SAME)) failed++;
  const verdict = apart < SAME ? "ok" : "FAILED";
  console.log(`${verdict} ${apart.toExponential(1)} ${what}, ${time()}`);
};
const raw = await wholeSession(device, unet, new Weights(opened, "model.onnx"));
check(
  "the whole file in one session",
  await raw.run({ ...fed, text: undefined }),
);
await raw.release();
const apart = await runCutAt(executor, unet, units, fed);
check(`all units at once, ${apart.segments} segments`, apart.output);
const alone: Record<string, RegExp> = {
  blocks: /^(\w+_blocks\.\d+|middle_block)$|\.skip$/,
  every: /./,
};
const chosen = alone[process.argv[2] ?? ""];
for (const unit of units.filter((one) => chosen?.test(one))) {
  const { output, segments } = await runCutAt(executor, unet, [unit], fed);
  check(`${unit}, ${segments} segments`, output);
}
console.log(failed === 0 ? "all the same" : `${failed} differ`);
await model.dispose();
process.exitCode = failed === 0 ? 0 : 1;

/** max |a − b| in units of b's standard deviation. */
function distance(a: Float32Array, b: Float32Array): number {
  const mean = b.reduce((sum, value) => sum + value, 0) / b.length;
  const variance =
    b.reduce((sum, value) => sum + (value - mean) ** 2, 0) / b.length;
  const most = a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0); // prettier-ignore
  return most / Math.sqrt(variance);
}
