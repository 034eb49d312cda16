// The pictures that Node draws, from source, on WASM with one thread.
import { openPipeline } from "../packages/cli/src/node-pipeline.js";
import {
  requests,
  type GoldenPicture,
  type GoldenRequest,
} from "./conformance/requests.js";

/** Draws every request; by name. */
export async function drawGolden(): Promise<Record<string, GoldenPicture>> {
  const golden: Record<string, GoldenPicture> = {};
  for (const [name, { model, options }] of Object.entries<GoldenRequest>(
    requests,
  )) {
    const pipeline = await openPipeline(`models/${model}`, { threads: 1 });
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
