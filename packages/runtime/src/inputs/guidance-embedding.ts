// The guidance weight as a distilled Unet is told it.

import type { InputGiven } from "./run-input.js";

/**
 * Sines and cosines of the guidance weight less 1, as diffusers embeds it (0.42.1,
 * pipelines/latent_consistency_models/pipeline_latent_consistency_text2img.py).
 */
export function guidanceEmbedding({
  guidanceScale,
  length,
}: Pick<InputGiven, "guidanceScale" | "length">): Float32Array {
  const half = Math.floor(length / 2);
  const { fround } = Math;
  const weight = fround(fround(guidanceScale - 1) * 1000);
  const rate = fround(fround(Math.log(10_000)) / (half - 1));
  const embedding = new Float32Array(length);
  for (let i = 0; i < half; i++) {
    const angle = fround(weight * fround(Math.exp(fround(-rate * i))));
    embedding[i] = Math.sin(angle);
    embedding[half + i] = Math.cos(angle);
  }
  return embedding;
}
