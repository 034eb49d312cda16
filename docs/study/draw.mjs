// Draws the study's pairs under several plans; killed and run again, it goes on where it stopped.
//   node --conditions=@phaseskip/source --import=./scripts/source-hooks.mjs docs/study/draw.mjs PAIRS.json OUT CONTESTANT…
// PAIRS.json, by models/plan_quality.py: { model, pairs: [{ prompt, seed }] }. A contestant is NAME=PLAN[@STEPS[:SCHEDULER]],
// with PLAN a file, a name that the model ships, or none. OUT/NAME.rgb gets 3·32·32 bytes a pair, row-major [height, width,
// channel]; OUT/NAME.json says what a picture costs.
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

const pipeline = await openPipeline(model, {
  device: values.backend,
  threads: 1,
});
try {
  for (const contestant of contestants) {
    const [, name, source, steps = "50", scheduler = "ddim"] =
      /^([^=]+)=(.+?)(?:@(\d+)(?::(.+))?)?$/.exec(contestant);
    const plan = existsSync(source)
      ? JSON.parse(readFileSync(source, "utf8"))
      : source;
    const options = { plan, scheduler, numInferenceSteps: Number(steps) };
    const file = join(out, `${name}.rgb`);
    let [done, isTold] = [0, false];
    const bytesPerPicture = 3 * 32 * 32;
    if (existsSync(file)) done = statSync(file).size / bytesPerPicture;
    for (; done < count; done++) {
      const { prompt, seed } = pairs[done];
      const request = prompt === null ? { seed } : { prompt, seed };
      const { images, report } = await pipeline.generate({
        ...request,
        ...options,
      });
      const { data } = images[0];
      appendFileSync(
        file,
        data.filter((_, i) => i % 4 < 3),
      );
      if (!isTold) {
        const { macs } = report;
        const told = { name, source, steps, scheduler, macs };
        writeFileSync(join(out, `${name}.json`), JSON.stringify(told));
        isTold = true;
      }
      if (done % 10 === 9)
        process.stderr.write(`${name}: ${done + 1} of ${count}\n`);
    }
  }
} finally {
  pipeline.dispose();
}
