// The pictures that Node draws on WASM with one thread, in a worker thread of what was built.
import { Worker } from "node:worker_threads";
import { loadPipeline } from "phaseskip";
import {
  requests,
  type GoldenPicture,
  type GoldenRequest,
} from "./conformance/requests.js";

/** Built files load in a moment; `execArgv` keeps the thread from looking for sources. */
const makeThread = () =>
  new Worker("./packages/cli/dist/node-worker.js", { execArgv: [] });

/** Draws every request; by name. */
export async function drawGolden(): Promise<Record<string, GoldenPicture>> {
  const golden: Record<string, GoldenPicture> = {};
  for (const [name, { model, options }] of Object.entries<GoldenRequest>(
    requests,
  )) {
    const pipeline = await loadPipeline(`models/${model}`, {
      worker: makeThread,
      device: "wasm",
      threads: 1,
    });
    try {
      const { images } = await pipeline.generate(options);
      const { width, height, data } = images[0]!;
      golden[name] = {
        width,
        height,
        data: Buffer.from(data).toString("base64"),
      };
    } finally {
      pipeline.dispose();
    }
  }
  return golden;
}
