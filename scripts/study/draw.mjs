// Draws the study's pairs under several plans; killed and run again, it goes on where it stopped.
//   node --conditions=@phaseskip/source --import=./scripts/source-hooks.mjs scripts/study/draw.mjs PAIRS.json OUT CONTESTANT…
// PAIRS.json, by models/plan_quality.py: { model, pairs: [{ prompt, seed }] }. A contestant is NAME=PLAN[@STEPS[:SCHEDULER]],
// with PLAN a file, a name that the model ships, or none; without STEPS the plan's own, or 50. OUT/NAME.rgb gets 3 bytes
// a pixel, row-major [pair, height, width, channel]; OUT/NAME.json says what it is of, its size, and what its first
// picture costs.
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openPipeline } from "../../packages/cli/src/node-pipeline.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "wasm" },
    pairs: { type: "string", default: "Infinity" },
  },
});
const [pairsFile, out, ...contestants] = positionals;
const { model, pairs } = JSON.parse(readFileSync(pairsFile, "utf8"));
const count = Math.min(Number(values.pairs), pairs.length);
mkdirSync(out, { recursive: true });

/** How many pairs at the start can be one batch: the same prompt, seeds in a row. */
function likeFirst(some) {
  const [first] = some;
  const other = some.findIndex(
    ({ prompt, seed }, i) => prompt !== first.prompt || seed !== first.seed + i,
  );
  return other === -1 ? some.length : other;
}

const pipeline = await openPipeline(model, {
  device: values.backend,
  threads: 1,
});
try {
  for (const contestant of contestants) {
    const [, name, source, steps, scheduler = "ddim"] =
      /^([^=]+)=(.+?)(?:@(\d+)(?::(.+))?)?$/.exec(contestant);
    const shipped = join(model, "plans", `${source}.json`);
    const planFile = existsSync(source) ? source : shipped;
    const plan =
      source === "none" ? "none" : JSON.parse(readFileSync(planFile, "utf8"));
    const numInferenceSteps = Number(
      steps ?? plan.steps?.numInferenceSteps ?? 50,
    );
    const options = { plan, scheduler, numInferenceSteps };
    const identity = createHash("sha256")
      .update(JSON.stringify({ model, pairs, options }))
      .digest("hex");
    const about = join(out, `${name}.json`);
    const file = join(out, `${name}.rgb`);
    let done = 0;
    if (existsSync(about)) {
      const { width, height, ...told } = JSON.parse(readFileSync(about));
      if (told.identity !== identity)
        throw new Error(
          `Cannot go on with ${about} as it must be of the same pairs and plan: it is of others; choose another name`,
        );
      if (existsSync(file)) done = statSync(file).size / (3 * width * height);
    }
    while (done < count) {
      const { prompt, seed } = pairs[done];
      const numImagesPerPrompt = likeFirst(pairs.slice(done, count));
      const { images, report } = await pipeline.generate({
        ...(prompt !== null && { prompt }),
        ...{ seed, numImagesPerPrompt },
        ...options,
      });
      if (done === 0) {
        const macs = report.macs / images.length;
        const steps = numInferenceSteps;
        const { width, height } = images[0];
        const told = { name, source, steps, scheduler, macs, width, height };
        writeFileSync(about, JSON.stringify({ ...told, identity }));
      }
      const colours = images.map(({ data }) =>
        Buffer.from(data.filter((_, i) => i % 4 < 3)),
      );
      appendFileSync(file, Buffer.concat(colours));
      done += images.length;
      process.stderr.write(`${name}: ${done} of ${count}\n`);
    }
  }
} finally {
  pipeline.dispose();
}
