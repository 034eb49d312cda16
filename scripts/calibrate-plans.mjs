// Measures a model's plans against its whole Unet, and writes what was found into each plan's "calibration":
//   node --conditions=@phaseskip/source --import=./scripts/source-hooks.mjs scripts/calibrate-plans.mjs models/scenes quality
// Beside the plan stands its plain rival: as many steps of the whole Unet as cost no more.
import { readFileSync, writeFileSync } from "node:fs";
import { mean, quantile, ssim } from "@phaseskip/metrics";
import { openPipeline } from "../packages/cli/src/node-pipeline.ts";

const prompts = [
  "a house with a red roof on the left on snow at night with stars",
  "a boat with a purple sail on the right on the sea at sunset",
  "a castle with blue roofs on sand at dawn with mountains",
  "a pink tree on the left and a red car on the right on grass at day with a rainbow",
  "a cactus on the left on sand at day with a sun on the right",
  "a yellow flower on grass at sunset with hills",
  "a red ship on the sea at day with clouds",
  "a snowman with a green scarf on snow at night",
];
const seed = 1000;
const numImagesPerPrompt = 2;
const steps = 50;

const [model, ...names] = process.argv.slice(2);
const pipeline = await openPipeline(model, { device: "wasm" });
const cases = prompts.map((prompt, i) => ({
  prompt,
  seed: seed + 10 * i,
  numImagesPerPrompt,
}));
const draw = async (options) => {
  const drawn = [];
  for (const request of cases)
    drawn.push(await pipeline.generate({ ...request, ...options }));
  return drawn;
};
const round = (value) => Math.round(value * 1e4) / 1e4;
const fidelity = (drawn, whole) => {
  const pairs = drawn.flatMap(({ images }, i) =>
    images.map((image, k) => ssim(image, whole[i].images[k])),
  );
  return {
    mean: round(mean(pairs)),
    median: round(quantile(pairs, 0.5)),
    p10: round(quantile(pairs, 0.1)),
    anotherPicture: round(mean(pairs.map((value) => Number(value < 0.7)))),
  };
};

try {
  const whole = await draw({ numInferenceSteps: steps, plan: "none" });
  for (const name of names) {
    const file = `${model}/plans/${name}.json`;
    const plan = JSON.parse(readFileSync(file, "utf8"));
    const drawn = await draw({ numInferenceSteps: steps, plan });
    const { macs, macsSaved } = drawn[0].report;
    const perStep = whole[0].report.macs / steps;
    const fewer = Math.max(1, Math.floor(macs / perStep));
    const rival = await draw({ numInferenceSteps: fewer, plan: "none" });
    const { scheduler, guidanceScale } = whole[0].report;
    plan.calibration = {
      sampler: { scheduler, numInferenceSteps: steps, guidanceScale },
      pairs: prompts.length * numImagesPerPrompt,
      macsSaved: round(macsSaved),
      ssim: fidelity(drawn, whole),
      fewerSteps: { numInferenceSteps: fewer, ssim: fidelity(rival, whole) },
      how: "chosen by hand; fidelity to the whole Unet on the same seeds",
    };
    writeFileSync(file, `${JSON.stringify(plan, undefined, 2)}\n`);
    console.log(name, plan.calibration);
  }
} finally {
  pipeline.dispose();
}
