// A GPU that is lost at other times than between two steps.
import { check, rejection, skip, type ConformanceCase } from "./case.js";
import { needAdapter } from "./need-adapter.js";
import { requests } from "./requests.js";
import { checkGolden, load, makeWorker, serveTestModel } from "./test-model.js";

const { full } = requests;

/**
 * The device goes at a call of WebGPU's, once: a load goes on by itself on WASM; a run is an error, and the next one is
 * drawn on WASM. Both say why.
 */
const lostAt = (name: string, when: string, call: string): ConformanceCase => ({
  name,
  isLong: true,
  holds: `a GPU that is lost ${when} is device-lost, or left by the load itself; under auto the next run draws on WASM`,
  isQuiet: false,
  async run() {
    await needAdapter();
    const pipeline = await load(await serveTestModel(full.model), {
      device: "auto",
      worker: () => makeWorker(`losing-worker.js?${call}`),
    });
    let came = "the load went on by itself";
    if (pipeline.device === "webgpu") {
      const error = (await rejection(pipeline.generate(full.options))) as {
        code?: string;
        message: string;
      };
      check(error.code === "device-lost", `it gave ${error.message}`);
      came = error.message;
    } else if (!/was lost before/.test(pipeline.warnings.join("; "))) {
      skip(`auto chose ${pipeline.device}: ${pipeline.warnings.join("; ")}`);
    }
    const next = await pipeline.generate(full.options);
    check(next.report.device === "wasm", `then on ${next.report.device}`);
    const said = next.report.warnings.join("; ");
    check(/the GPU was lost before/.test(said), `the report says ${said}`);
    return `${came}; ${await checkGolden("full", next)}`;
  },
});

export const lostGpuCases: readonly ConformanceCase[] = [
  lostAt("lost-loading", "while a model is loaded", "requestDevice"),
  lostAt("lost-uploading", "while weights go to it", "createBuffer"),
  lostAt("lost-compiling", "while shaders are compiled", "createShaderModule"),
  lostAt("lost-reading", "while a result is read back", "mapAsync"),
];
