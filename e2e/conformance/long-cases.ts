// Long days: thousands of runs that differ, hundreds of loads. `npm run e2e -- --case long-day,many-loads` alone runs
// them.
import { loadPipeline, type DenoiseOptions } from "phaseskip";
import { check, rejection, skip, type ConformanceCase } from "./case.js";
import { requests } from "./requests.js";
import { makeWorker, serveTestModel } from "./test-model.js";

const { full, reuse } = requests;
/** How many the page's address asks for; Node, which reads the cases, too, has none. */
const counted = (name: string, usual: number) => {
  const { location } = globalThis as Partial<typeof globalThis>;
  const asked = new URLSearchParams(location?.search).get(name);
  return asked === null ? usual : Number(asked);
};
/** Runs of a long day. */
const runs = counted("runs", 2000);
/** Loads of one page. */
const loads = counted("loads", 200);

/** A run's options: size, plan, prompt and batch change from one to the next, and come back. */
function optionsOf(run: number): DenoiseOptions {
  const { options } = run % 2 ? reuse : full;
  const side = [8, 16, 24][run % 3]!;
  return {
    ...options,
    prompt: `a boat, number ${run % 7}`,
    seed: run,
    numInferenceSteps: 2 + (run % 3),
    numImagesPerPrompt: 1 + (run % 2),
    height: side,
    width: side,
  };
}

/** What the page and its workers hold, in bytes. */
async function held(): Promise<number> {
  const { measureUserAgentSpecificMemory: measure } =
    performance as Performance & {
      measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>;
    };
  return measure ? (await measure.call(performance)).bytes : NaN;
}

/** Locks of this origin that are held or waited for. */
async function lockCount(): Promise<number> {
  const { held: own = [], pending = [] } = await navigator.locks.query();
  return own.length + pending.length;
}

/** At most 1.02 times as much; in an engine that tells it. */
function compared(many: number, few: number): string {
  if (Number.isNaN(many))
    return "this engine tells no page what memory it holds";
  const said = `${(many / few).toFixed(3)}: ${(many / 1e6).toFixed(1)} MB ÷ ${(few / 1e6).toFixed(1)} MB`;
  check(many / few <= 1.02, said);
  return said;
}

export const longCases: readonly ConformanceCase[] = [
  {
    name: "long-day",
    isLong: true,
    isDay: true,
    holds: `after ${runs} runs of changing size, plan, prompt and batch, every fifth aborted, the page holds at most 1.02 times what it held after 42, and no lock`,
    page: "isolated",
    hasSteadyCode: true,
    patience: 7_200_000,
    async run() {
      const model = await serveTestModel(full.model);
      const pipeline = await loadPipeline(model.location, {
        worker: () => makeWorker(),
        device: "wasm",
      });
      const rounds = async (from: number, to: number) => {
        for (let run = from; run < to; run += 1) {
          const controller = new AbortController();
          const { signal } = controller;
          const isAborted = run % 5 === 4;
          const onStep = isAborted ? () => controller.abort() : () => undefined;
          const drawing = pipeline.generate({
            ...optionsOf(run),
            signal,
            onStep,
          });
          if (isAborted) await rejection(drawing);
          else await drawing;
        }
        return held();
      };
      // every combination has come before the first look
      const few = await rounds(0, 42);
      const many = await rounds(42, runs);
      pipeline.dispose();
      const said = compared(many, few);
      check((await lockCount()) === 0, "a lock is left");
      return `${runs} runs: ${said}`;
    },
  },
  {
    name: "many-loads",
    isLong: true,
    isDay: true,
    holds: `after ${loads} pipelines loaded, drawn with and disposed, the page holds at most 1.02 times what it held after 5, and no lock`,
    page: "isolated",
    hasSteadyCode: true,
    patience: 7_200_000,
    async run() {
      if (!("locks" in navigator)) skip("this engine has no Web Locks");
      const model = await serveTestModel(full.model);
      const rounds = async (from: number, to: number) => {
        for (let load = from; load < to; load += 1) {
          const pipeline = await loadPipeline(model.location, {
            worker: () => makeWorker(),
            device: "wasm",
          });
          await pipeline.generate({ ...optionsOf(load) });
          pipeline.dispose();
        }
        return held();
      };
      const few = await rounds(0, 5);
      const many = await rounds(5, loads);
      const said = compared(many, few);
      check((await lockCount()) === 0, "a lock is left");
      return `${loads} loads: ${said}`;
    },
  },
];
