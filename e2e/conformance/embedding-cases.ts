// Pages as they are: strict policies, GPUs that are there or not, the custom element, long sessions.
import { loadPipeline } from "phaseskip";
import { check, rejection, skip, type ConformanceCase } from "./case.js";
import { needAdapter } from "./need-adapter.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  draw,
  load,
  makeWorker,
  serveTestModel,
} from "./test-model.js";

const { full, reuse } = requests;

/** How far a level may be from Node's on a GPU. */
const gpuTolerance = 2;

export const embeddingCases: readonly ConformanceCase[] = [
  {
    name: "strict-csp",
    holds:
      "the prebuilt folder draws under 'self' and 'wasm-unsafe-eval' alone",
    page: "strict",
    run: async () => checkGolden("full", await draw("full")),
  },
  {
    name: "element",
    holds: "<phaseskip-image> loads, draws and tells of it",
    async run() {
      await import("phaseskip/element");
      const model = await serveTestModel(full.model);
      const element = document.createElement("phaseskip-image");
      const { prompt, seed, numInferenceSteps } = full.options;
      const attributes = {
        model: model.location,
        prompt,
        seed,
        steps: numInferenceSteps,
        "worker-src": "phaseskip/phaseskip.worker.js",
      };
      for (const [name, value] of Object.entries(attributes))
        element.setAttribute(name, String(value));
      const detail = await new Promise<unknown>((resolve, reject) => {
        element.addEventListener("phaseskip-image", (event) =>
          resolve((event as CustomEvent<unknown>).detail),
        );
        element.addEventListener("phaseskip-error", (event) => {
          const { detail: error } = event as CustomEvent<Error>;
          reject(error);
        });
        document.body.append(element);
      });
      const { images } = detail as Awaited<ReturnType<typeof draw>>;
      check(images[0]!.width === 16, `${images[0]!.width} pixels wide`);
      check(!!element.shadowRoot?.querySelector("canvas"), "it shows nothing");
      element.remove();
    },
  },
  {
    name: "webgpu",
    holds: "WebGPU draws Node's picture, with a plan too",
    async run() {
      await needAdapter();
      const { pipeline, ...drawn } = await draw("full", { device: "webgpu" });
      check(drawn.report.device === "webgpu", `on ${drawn.report.device}`);
      await checkGolden("full", drawn, gpuTolerance);
      const reused = await pipeline.generate(reuse.options);
      return checkGolden("reuse", reused, gpuTolerance);
    },
  },
  {
    name: "device-lost",
    isLong: true,
    holds:
      "a GPU that is lost in a run is an error; under auto the next run draws on WASM",
    isQuiet: false,
    async run() {
      await needAdapter();
      let last: Worker | undefined;
      const pipeline = await load(await serveTestModel(full.model), {
        device: "auto",
        worker: () => (last = makeWorker("losing-worker.js")),
      });
      if (pipeline.device !== "webgpu")
        skip(`auto chose ${pipeline.device}: ${pipeline.warnings.join("; ")}`);
      const onStep = () => last!.postMessage("lose");
      const many = { ...full.options, numInferenceSteps: 200, onStep };
      const error = (await rejection(pipeline.generate(many))) as {
        code?: string;
        message: string;
      };
      check(error.code === "device-lost", `it gave ${error.message}`);
      const next = await pipeline.generate(full.options);
      check(next.report.device === "wasm", `then on ${next.report.device}`);
      return checkGolden("full", next);
    },
  },
  {
    name: "auto",
    isLong: true,
    holds: "auto draws everywhere, and says why where it leaves WebGPU",
    async run() {
      const { pipeline, ...drawn } = await draw("full", { device: "auto" });
      check(
        pipeline.device === "webgpu" || pipeline.warnings.length > 0,
        "it left WebGPU in silence",
      );
      const on = await checkGolden("full", drawn, gpuTolerance);
      return `${pipeline.device}; ${on}`;
    },
  },
  {
    name: "memory",
    isLong: true,
    holds:
      "after 200 runs the page holds at most 1.02 times what it held after 3",
    page: "isolated",
    hasSteadyCode: true,
    patience: 600_000,
    async run() {
      const { measureUserAgentSpecificMemory: measure } =
        performance as Performance & {
          measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>;
        };
      if (!measure) skip("this engine tells no page what memory it holds");
      const model = await serveTestModel(full.model);
      const pipeline = await loadPipeline(model.location, {
        worker: () => makeWorker(),
        device: "wasm",
      });
      const after = async (from: number, to: number) => {
        for (let run = from; run < to; run += 1) {
          const { options } = run % 2 ? reuse : full;
          await pipeline.generate({ ...options, seed: run });
        }
        return (await measure.call(performance)).bytes;
      };
      const few = await after(0, 3);
      const many = await after(3, 200);
      pipeline.dispose();
      const ratio = many / few;
      const said = `${ratio.toFixed(3)}: ${(many / 1e6).toFixed(1)} MB ÷ ${(few / 1e6).toFixed(1)} MB`;
      check(ratio <= 1.02, said);
      return said;
    },
  },
];
