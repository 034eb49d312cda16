// Globals that are not as they should be: other code has been there before, or the browser lacks or hides something.
import {
  check,
  rejection,
  rejectionCode,
  type ConformanceCase,
} from "./case.js";
import { litter } from "./litter.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  draw,
  load,
  makeWorker,
  progressLog,
  serveTestModel,
} from "./test-model.js";

const { full, reuse } = requests;

/** The prebuilt worker where something is odd: see odd-worker.ts. */
const oddWorker = (odd: string) => () => makeWorker(`odd-worker.js?${odd}`);

/** A GPU that gives no answer leaves WASM to `auto`, in words, and is an error to who asks for it. */
async function withoutGpu(odd: string, says: RegExp): Promise<string> {
  const worker = oddWorker(odd);
  const { pipeline, ...drawn } = await draw("full", { worker, device: "auto" });
  const said = pipeline.warnings.join("; ");
  check(pipeline.device === "wasm", `on ${pipeline.device}`);
  check(says.test(said), `it warns: ${said}`);
  await checkGolden("full", drawn);
  const model = await serveTestModel(full.model);
  const asked = load(model, { worker, device: "webgpu" });
  return rejectionCode(asked, "model-unsupported");
}

export const oddGlobalCases: readonly ConformanceCase[] = [
  {
    name: "littered",
    holds:
      "where libraries have put names into prototypes, in page and worker, it draws Node's picture, with a plan too",
    async run() {
      const tidy = litter();
      try {
        const worker = oddWorker("littered");
        const { pipeline, ...drawn } = await draw("full", { worker });
        await checkGolden("full", drawn);
        return await checkGolden(
          "reuse",
          await pipeline.generate(reuse.options),
        );
      } finally {
        tidy(); // what drives this page speaks JSON
      }
    },
  },
  {
    name: "body-taken",
    holds:
      "an answer that other code has read is fetch-failed, and the message says so",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const loading = load(model, { worker: oddWorker("body-taken") });
      const said = await rejectionCode(loading, "fetch-failed");
      check(/other code has read/.test(said), said);
      return said;
    },
  },
  {
    name: "detached",
    holds:
      "a picture whose memory has gone elsewhere is a TypeError or RangeError that names it; the next run draws",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const data = new Uint8ClampedArray(16 * 16 * 4);
      structuredClone(data.buffer, { transfer: [data.buffer] });
      const init = { image: { width: 16, height: 16, data } };
      const given = await rejection(
        pipeline.generate({ ...full.options, ...init }),
      );
      const isOurs = given instanceof TypeError || given instanceof RangeError;
      check(isOurs && /image/.test(given.message), String(given));
      await checkGolden("full", await pipeline.generate(full.options));
      return given.message;
    },
  },
  {
    name: "clock-jumps",
    holds:
      "a clock that jumps by years keeps no download from its end, and no model from the cache",
    async run() {
      const worker = oddWorker("clock-jumps");
      const model = await serveTestModel(full.model);
      const first = await load(model, { worker });
      await checkGolden("full", await first.generate(full.options));
      const log = progressLog();
      const again = await load(model, { worker, ...log });
      check(log.paths("download").length === 0, "something was downloaded");
      return checkGolden("full", await again.generate(full.options));
    },
  },
  {
    name: "gpu-refuses",
    holds: "a browser that refuses to give an adapter is as one without",
    run: () => withoutGpu("gpu-refuses", /gives no adapter: Not here/),
  },
  {
    name: "gpu-silent",
    isLong: true,
    holds: "a GPU that never answers holds up no load for longer than 10 s",
    run: () => withoutGpu("gpu-silent", /gave no adapter within 10 s/),
  },
];
