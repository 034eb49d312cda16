// Writes into a plan what pictures under it were measured to keep, from draw.mjs:
//   RUN scripts/study/calibrate.mjs PLAN.json PAIRS.json DRAWN NAME
// with RUN as in figures.mjs. DRAWN must hold `none`, the whole Unet's pictures, and NAME, the plan's; the first pairs that
// both have count. `runtime/plan/measured-keep.ts` reads what is written here.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { summarise } from "@phaseskip/ablation";
import { ssim } from "@phaseskip/metrics";

const [planFile, pairsFile, drawn, name] = process.argv.slice(2);
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));
const { salt, model, pairs } = readJson(pairsFile);
const { guidance_scale: guidanceScale } = readJson(
  join(model, "model_index.json"),
);

/** A set of pictures, and what it is of. */
function read(set) {
  const told = readJson(join(drawn, `${set}.json`));
  const { width, height } = told;
  const bytes = readFileSync(join(drawn, `${set}.rgb`));
  const size = 3 * width * height;
  const count = bytes.length / size;
  const pictures = Array.from({ length: count }, (_, i) => {
    const rgb = bytes.subarray(i * size, (i + 1) * size);
    const data = new Uint8ClampedArray((size / 3) * 4).fill(255);
    rgb.forEach((level, k) => (data[4 * Math.floor(k / 3) + (k % 3)] = level));
    return { width, height, data };
  });
  return { ...told, pictures };
}

const [whole, own] = [read("none"), read(name)];
const count = Math.min(whole.pictures.length, own.pictures.length);
const groups = [];
for (let i = 0; i < count; i++)
  (groups[pairs[i].group] ??= []).push(
    ssim(own.pictures[i], whole.pictures[i]),
  );
const test = summarise(groups);
const plan = readJson(planFile);
const calibration = {
  model: plan.model.unet,
  sampler: {
    scheduler: own.scheduler,
    numInferenceSteps: whole.steps,
    guidanceScale,
  },
  cost: own.macs / whole.macs,
  test,
  salt,
  notes:
    count < 256 || groups.length < 64
      ? [
          `tested on ${count} pairs of ${groups.length} prompts: fewer than the 64 × 4 that a claim needs`,
        ]
      : [],
};
const head = JSON.stringify({ ...plan, calibration }, undefined, 2);
// a table's rows take a line each
const text = head.replace(
  /\[\s+([-\d.,e\s]+?)\s+\]/g,
  (_, inside) => `[${inside.replace(/\s+/g, " ")}]`,
);
writeFileSync(planFile, `${text}\n`);
console.log(JSON.stringify({ name, cost: calibration.cost, ...test }));
