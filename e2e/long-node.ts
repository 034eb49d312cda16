// npm run e2e:long: a long day in Node. Runs of changing size, plan, prompt and batch, every fifth aborted; then loads
// that are disposed. What the process holds afterwards is compared with what it held after the first of each.
//   npm run e2e:long -- --runs 2000 --loads 200
// V8 keeps code that runs often, which is no leak: the command has it keep none. In browsers the same is npm run e2e -- --case long-day,many-loads
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Model } from "../packages/runtime/src/pipeline/model.js";
import { openDevice } from "../packages/runtime/src/device/session.js";
import { openFolder } from "../packages/runtime/src/folder/model-folder.js";
import { parseRequest } from "../packages/runtime/src/pipeline/request.js";
import { runPipeline } from "../packages/runtime/src/pipeline/run.js";
import { requests } from "./conformance/requests.js";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "2000" },
    loads: { type: "string", default: "200" },
  },
});
const [runs, loads] = [Number(values.runs), Number(values.loads)];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What lives on the heap and in buffers, in bytes, and what keeps the process awake. */
async function level() {
  for (let i = 0; i < 3; i++) {
    await pause(20);
    collect();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().length;
  return { held: heapUsed + external, rss, handles };
}

const path = new URL("../models/tiny-text-ts", import.meta.url).pathname;
const device = await openDevice("wasm", { threads: 1 });
const load = async () => Model.load(await openFolder(path), device);

/** A run that is left in its first step where `isAborted`. */
async function draw(model: Model, run: number, isAborted: boolean) {
  const side = [8, 16, 24][run % 3]!;
  const request = parseRequest({
    ...(run % 2 ? requests.reuse : requests.full).options,
    prompt: `a boat, number ${run % 7}`,
    seed: run,
    numInferenceSteps: 2 + (run % 3),
    numImagesPerPrompt: 1 + (run % 2),
    height: side,
    width: side,
  });
  const { signal, abort } = abortable();
  try {
    const steps = runPipeline(model, request, signal);
    for (let step = await steps.next(); !step.done; step = await steps.next())
      if (isAborted) abort();
  } catch (error) {
    if (!isAborted) throw error;
  }
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

type Level = Awaited<ReturnType<typeof level>>;
let isLeaking = false;
function compare(what: string, few: Level, many: Level) {
  const ratio = many.held / few.held;
  isLeaking ||= ratio > 1.02 || many.handles > few.handles;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${what}: ${ratio.toFixed(3)} (${mebibytes(many.held)} ÷ ${mebibytes(few.held)}), resident ${mebibytes(few.rss)} to ${mebibytes(many.rss)}, handles ${few.handles} to ${many.handles}`,
  );
}

const model = await load();
let few: Level | undefined;
for (let run = 0; run < runs; run++) {
  await draw(model, run, run % 5 === 4);
  if (run === 41) few = await level();
}
if (few) compare(`${runs} runs against 42`, few, await level());
await model.dispose();

let first: Level | undefined;
for (let at = 0; at < loads; at++) {
  const another = await load();
  await draw(another, at, false);
  await another.dispose();
  if (at === 9) first = await level();
}
if (first) compare(`${loads} loads against 10`, first, await level());
process.exit(isLeaking ? 1 : 0);
