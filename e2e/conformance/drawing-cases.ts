// The picture is the same in every engine, with and without threads, plans and previews.
import { check, skip, type ConformanceCase } from "./case.js";
import { idlePlan, requests } from "./requests.js";
import {
  checkGolden,
  draw,
  largestDifference,
  load,
  makeWorker,
  progressLog,
  serveTestModel,
} from "./test-model.js";

const { full, reuse } = requests;

export const drawingCases: readonly ConformanceCase[] = [
  {
    name: "draw",
    holds: "a module worker draws Node's picture on WASM with one thread",
    async run() {
      const log = progressLog();
      const drawn = await draw("full", log);
      check(!globalThis.crossOriginIsolated, "the page is isolated");
      check(drawn.report.device === "wasm", `on ${drawn.report.device}`);
      check(drawn.report.threads === 1, `on ${drawn.report.threads} threads`);
      check(
        log.paths("download").includes("unet/model.onnx"),
        "no download was reported",
      );
      return checkGolden("full", drawn);
    },
  },
  {
    name: "draw-latent",
    holds: "a model with a VAE draws Node's picture",
    run: async () => checkGolden("latent", await draw("latent")),
  },
  {
    name: "draw-scene",
    isLong: true,
    holds: "the trained model draws Node's picture under its plan balanced",
    async run() {
      const drawn = await draw("scene");
      check(drawn.report.macsSaved > 0.2, "the plan saved nothing");
      return checkGolden("scene", drawn);
    },
  },
  {
    name: "threads",
    holds: "under COOP and COEP two WASM threads draw Node's picture",
    page: "isolated",
    async run() {
      if (!globalThis.crossOriginIsolated)
        skip("this engine isolates no page under COOP and COEP");
      const drawn = await draw("full", { threads: 2 });
      check(drawn.report.threads === 2, `${drawn.report.threads} threads`);
      check(
        drawn.pipeline.warnings.length === 0,
        drawn.pipeline.warnings.join("; "),
      );
      return checkGolden("full", drawn);
    },
  },
  {
    name: "plan-idle",
    holds:
      "a plan that does nothing draws the whole model's picture, bit by bit",
    async run() {
      const { pipeline, ...plain } = await draw("full");
      const idle = await pipeline.generate({ ...full.options, plan: idlePlan });
      const worst = Math.max(
        ...idle.sample.map((value, i) => Math.abs(value - plain.sample[i]!)),
      );
      check(worst <= 1e-5, `samples differ by up to ${worst}`);
      const levels = largestDifference(
        idle.images[0]!.data,
        plain.images[0]!.data,
      );
      check(levels === 0, `pictures differ by up to ${levels} levels`);
      return `samples differ by at most ${worst}`;
    },
  },
  {
    name: "plan-reuse",
    holds:
      "a plan that reuses and leaves guidance out draws Node's picture of it",
    async run() {
      const { pipeline, ...drawn } = await draw("reuse");
      const { report } = drawn;
      check(report.plan === "reuse", `the report names ${report.plan}`);
      check(report.macsSaved > 0.2, `saved only ${report.macsSaved}`);
      const whole = await pipeline.generate(full.options);
      const apart = largestDifference(
        drawn.images[0]!.data,
        whole.images[0]!.data,
      );
      check(apart > 1, "the plan changed nothing in the picture");
      const said = await checkGolden("reuse", drawn);
      return `saves ${Math.round(report.macsSaved * 100)} % of the MACs; ${said}`;
    },
  },
  {
    name: "previews",
    holds:
      "steps come one by one, with previews; leaving the loop ends the run",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const steps = pipeline.denoise({ ...full.options, preview: 2 });
      const previewed: number[] = [];
      let pulled = await steps.next();
      let last: Uint8ClampedArray | undefined;
      for (; !pulled.done; pulled = await steps.next()) {
        const { stepIndex, preview } = pulled.value;
        if (preview) previewed.push(stepIndex);
        last = preview?.[0]?.data;
      }
      check(
        String(previewed) === "1,3,5",
        `previews came at the steps ${previewed}`,
      );
      check(
        !!last && largestDifference(last, pulled.value.images[0]!.data) <= 1,
        "the last preview is not the picture",
      );
      for await (const { stepIndex } of pipeline.denoise(full.options))
        if (stepIndex === 1) break;
      return checkGolden("full", await pipeline.generate(full.options));
    },
  },
  {
    name: "two-pipelines",
    holds:
      "two models share the app's worker; one may go while the other draws",
    async run() {
      const worker = makeWorker();
      const one = await load(await serveTestModel(full.model), { worker });
      const other = await load(await serveTestModel(reuse.model), { worker });
      const drawing = Promise.all([
        one.generate(full.options),
        other.generate(reuse.options),
      ]);
      const [first, second] = await drawing;
      one.dispose();
      const again = await other.generate(reuse.options);
      worker.terminate();
      await checkGolden("full", first);
      await checkGolden("reuse", second);
      return checkGolden("reuse", again);
    },
  },
];
