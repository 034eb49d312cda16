// Whatever happens to a call, it settles, with an error that says what happened; and the next one works.
import {
  check,
  pause,
  rejection,
  rejectionCode,
  type ConformanceCase,
} from "./case.js";
import { requests } from "./requests.js";
import { checkGolden, load, makeWorker, serveTestModel } from "./test-model.js";

const { full } = requests;
const many = { ...full.options, numInferenceSteps: 200 };

/** A worker function that can fetch the last worker it made. */
function workers(script?: string) {
  let last: Worker | undefined;
  return {
    worker: () => (last = makeWorker(script)),
    say: (word: string) => last!.postMessage(word),
    end: () => last!.terminate(),
  };
}

/** Something happens to a worker in the middle of a run: the run rejects, the next one draws. */
async function mishap(
  happen: (made: ReturnType<typeof workers>) => void,
): Promise<string> {
  const made = workers("mortal-worker.js");
  const pipeline = await load(await serveTestModel(full.model), made);
  let hasHappened = false;
  const onStep = () => {
    if (!hasHappened) happen(made);
    hasHappened = true;
  };
  await rejectionCode(pipeline.generate({ ...many, onStep }), "worker-lost");
  return checkGolden("full", await pipeline.generate(full.options));
}

export const mishapCases: readonly ConformanceCase[] = [
  {
    name: "abort-load",
    holds: "a load that is aborted rejects at once with the signal's reason",
    async run() {
      const model = await serveTestModel(full.model, {
        faults: { "unet/model.onnx": { bytesPerSecond: 20_000 } },
      });
      const controller = new AbortController();
      const reason = new Error("not wanted any more");
      const { signal } = controller;
      const loading = load(model, {
        signal,
        onProgress: ({ modelLoaded }) =>
          modelLoaded > 0 && controller.abort(reason),
      });
      check((await rejection(loading)) === reason, "it gave another reason");
      await model.fault({});
      const pipeline = await load(model);
      return checkGolden("full", await pipeline.generate(full.options));
    },
    isQuiet: false,
  },
  {
    name: "abort-step",
    holds:
      "a run that is aborted in a step rejects at once; the next one draws",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const controller = new AbortController();
      const reason = { why: "another picture" };
      const { signal } = controller;
      let aborted = 0;
      const onStep = () => {
        if (aborted > 0) return;
        aborted = performance.now();
        controller.abort(reason);
      };
      const given = await rejection(
        pipeline.generate({ ...many, signal, onStep }),
      );
      const late = Math.round(performance.now() - aborted);
      check(given === reason, "it gave another reason");
      await checkGolden("full", await pipeline.generate(full.options));
      return `after ${late} ms`;
    },
  },
  {
    name: "abort-queue",
    holds:
      "a run that is aborted while it waits rejects at once; the others draw",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const controller = new AbortController();
      const { signal } = controller;
      const first = pipeline.generate(full.options);
      const second = pipeline.generate({ ...many, signal });
      const third = pipeline.generate(full.options);
      controller.abort();
      const given = await rejection(second);
      check(given === signal.reason, "it gave another reason");
      await checkGolden("full", await first);
      return checkGolden("full", await third);
    },
  },
  {
    name: "dispose",
    holds: "dispose() rejects what is under way and what comes after",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const drawing = pipeline.generate({
        ...many,
        onStep: () => pipeline.dispose(),
      });
      await rejectionCode(drawing, "disposed");
      await rejectionCode(pipeline.generate(full.options), "disposed");
    },
  },
  {
    name: "worker-closed",
    holds: "a worker that ends in the middle of a run is noticed and replaced",
    isQuiet: false,
    run: () => mishap(({ say }) => say("die")),
  },
  {
    name: "worker-terminated",
    holds: "a worker that is terminated from outside is noticed and replaced",
    isQuiet: false,
    run: () => mishap(({ end }) => end()),
  },
  {
    name: "worker-missing",
    holds: "a worker file that is not there is worker-lost",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const worker = () => makeWorker("no-such-worker.js");
      return rejectionCode(load(model, { worker }), "worker-lost");
    },
  },
  {
    name: "worker-not-code",
    holds: "a worker file that is no JavaScript is worker-lost",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const worker = () => makeWorker("page.html");
      return rejectionCode(load(model, { worker }), "worker-lost");
    },
  },
  {
    name: "wrong-options",
    holds: "a caller's mistake keeps its class across the worker",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const wrong = await rejection(
        pipeline.generate({ ...full.options, numInferenceSteps: 0 }),
      );
      check(wrong instanceof RangeError, `it is ${String(wrong)}`);
      const plan = { ...full.options, plan: "no such plan" };
      const unknown = (await rejection(pipeline.generate(plan))) as Error;
      check(/no such plan/.test(unknown.message), unknown.message);
      await pause(0);
      return checkGolden("full", await pipeline.generate(full.options));
    },
  },
];
