// What the Unet is told beside the sample and the timestep, for each image and context of a run.

import { PhaseskipError } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { EncodedText } from "../text/tokenizer.js";
import { contextText } from "./context-text.js";
import type { Model } from "./model.js";
import type { PlannedRun } from "./planned-run.js";
import type { Request } from "./request.js";
import type { EmbeddedText } from "../networks/text-encoders.js";

/** One image's inputs of the Unet that stay the same at every step, by name; each without the batch. */
export type Conditioning = Readonly<Record<string, Float32Array>>;

/** What a run's images are conditioned on. */
export interface RunConditioning {
  /** By context, one for each image. */
  readonly images: Readonly<Partial<Record<Context, readonly Conditioning[]>>>;
  readonly warnings: readonly string[];
}

/**
 * Embeds the texts of a run, each once, and makes the Unet's other inputs.
 * @throws {PhaseskipError} `model-unsupported` If nothing here makes an input of the Unet; the device's errors
 */
export async function conditionRun(
  model: Model,
  run: PlannedRun,
  request: Request,
  contexts: readonly Context[],
  signal?: AbortSignal,
): Promise<RunConditioning> {
  const { index, unetGraph } = model;
  const taken = unetGraph.inputs
    .map(({ name }) => name)
    .filter((name) => name !== "sample" && name !== "timestep");
  const embedded = new Map<string, EmbeddedText>();
  const warnings = new Set<string>();
  const embed = async (text: string, what: string) => {
    const known = embedded.get(text) ?? (await model.embed(text, signal));
    embedded.set(text, known);
    for (const said of textWarnings(what, known.encoded)) warnings.add(said);
    return known;
  };
  const conditioning = async (context: Context, i: number) => {
    const told = contextText(index, request, context, i);
    if (!told) return {};
    const { isZero } = told;
    const text = await embed(told.text, told.what);
    const value = (values: Float32Array) =>
      isZero ? new Float32Array(values.length) : values;
    return {
      encoder_hidden_states: value(text.hidden),
      ...(text.pooled && { text_embeds: value(text.pooled) }),
    };
  };
  const width = run.unet.shapes.get("timestep_cond")?.dims.at(-1) ?? 0;
  const shared = {
    timestep_cond: guidanceEmbedding(run.guidanceScale, width),
    time_ids: timeIds(model, run, request),
  };
  const images: Partial<Record<Context, Conditioning[]>> = {};
  for (const context of contexts) {
    const list: Conditioning[] = (images[context] = []);
    for (let i = 0; i < (request.prompts?.length ?? 1); i++) {
      const made = { ...shared, ...(await conditioning(context, i)) };
      const inputs = taken.map((name) => [name, valueOf(made, name)] as const);
      for (let n = 0; n < request.numImagesPerPrompt; n++)
        list.push(Object.fromEntries(inputs));
    }
  }
  return { images, warnings: [...warnings] };
}

function valueOf(made: Conditioning, name: string): Float32Array {
  const value = made[name];
  if (value) return value;
  const source =
    name === "text_embeds" ? "second text encoder" : "text encoder";
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run the Unet as its input ${name} needs a ${source}, which this model does not have`,
  );
}

/**
 * Sines and cosines of the guidance weight less 1, as diffusers embeds it (0.42.1,
 * pipelines/latent_consistency_models/pipeline_latent_consistency_text2img.py).
 */
function guidanceEmbedding(guidanceScale: number, width: number): Float32Array {
  const half = Math.floor(width / 2);
  const { fround } = Math;
  const weight = fround(fround(guidanceScale - 1) * 1000);
  const rate = fround(fround(Math.log(10_000)) / (half - 1));
  const embedding = new Float32Array(width);
  for (let i = 0; i < half; i++) {
    const angle = fround(weight * fround(Math.exp(fround(-rate * i))));
    embedding[i] = Math.sin(angle);
    embedding[half + i] = Math.cos(angle);
  }
  return embedding;
}

/** SDXL's sizes, in pixels: original height and width, top and left of the part, target height and width. */
function timeIds(
  { index }: Model,
  { shape }: PlannedRun,
  { originalSize, cropsCoordsTopLeft = [0, 0], targetSize }: Request,
): Float32Array {
  const [, , height, width] = shape;
  const own = [height * index.vaeScaleFactor, width * index.vaeScaleFactor];
  return Float32Array.from([
    ...(originalSize ?? own),
    ...cropsCoordsTopLeft,
    ...(targetSize ?? own),
  ]);
}

function textWarnings(
  what: string,
  { unknown, truncated }: EncodedText,
): string[] {
  const words = unknown.map((word) => `"${word}"`).join(", ");
  return [
    ...(unknown.length > 0
      ? [`the model does not know these words of the ${what}: ${words}`]
      : []),
    ...(truncated > 0
      ? [`the ${what} is too long: its last ${truncated} tokens were left out`]
      : []),
  ];
}
