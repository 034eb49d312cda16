// A Unet's file in one onnxruntime-web session, as a page without any library would run it.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "onnxruntime-web";

/** ONNX Runtime's level of optimisation. */
export type RawLevel = "all" | "extended";

/**
 * Makes the session and calls it twice, at batch 1, in this process.
 * @returns times in ms: from the start to the end of the first call, and the second call
 */
export async function runRaw(
  folder: string,
  pixels: number,
  level: RawLevel,
): Promise<{ first: number; step: number }> {
  const start = performance.now();
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const unet = join(folder, "unet");
  const session = await ort.InferenceSession.create(
    readFileSync(join(unet, "model.onnx")),
    {
      executionProviders: ["wasm"],
      graphOptimizationLevel: level,
      externalData: readdirSync(unet)
        .filter((name) => name.startsWith("model.onnx_"))
        .map((path) => ({ path, data: readFileSync(join(unet, path)) })),
    },
  );
  const half = (dims: number[]) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    // 0.5: any value does
    return new ort.Tensor("float16", new Uint16Array(count).fill(0x3800), dims);
  };
  const config = JSON.parse(
    readFileSync(join(unet, "config.json"), "utf8"),
  ) as { in_channels: number; cross_attention_dim: number };
  const side = pixels / 8;
  const feeds: Record<string, Tensor> = {
    sample: half([1, config.in_channels, side, side]),
    timestep: new ort.Tensor("int64", BigInt64Array.of(500n), [1]),
    encoder_hidden_states: half([1, 77, config.cross_attention_dim]),
  };
  await session.run(feeds);
  const first = performance.now();
  await session.run(feeds);
  return { first: first - start, step: performance.now() - first };
}
