// What the Unet is told beside the sample and the timestep, for each image and context of a run.

import { PhaseskipError } from "@phaseskip/graph";
import type { Context } from "../plan/plan.js";
import type { ContextEmbeds, ContextText } from "../prompt/context-text.js";
import { contextText } from "../prompt/context-text.js";
import type { Model } from "./model.js";
import type { PlannedRun } from "./planned-run.js";
import type { Request } from "./request.js";
import type { Embeddings } from "../prompt/text-options.js";
import { promptCount } from "../prompt/text-options.js";
import type { EmbeddedText, ReadText } from "../networks/text-encoders.js";

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
  const { promptStyle: style = "plain", clipSkip = 0 } = request;
  const reading = {
    windows: (run.size.tokens ?? 0) / (model.textTokens ?? 1),
    style,
  };
  const embed = async (told: ContextText) => {
    // diffusers leaves out no layers of a negative prompt
    const skip = told.what === "prompt" ? clipSkip : 0;
    const how = { ...reading, clipSkip: skip };
    const key = JSON.stringify([told.text, told.text2, skip]);
    const known = embedded.get(key) ?? (await model.embed(told, how, signal));
    embedded.set(key, known);
    for (const read of known.read)
      for (const said of textWarnings(told.what, read)) warnings.add(said);
    return known;
  };
  const conditioning = async (
    context: Context,
    i: number,
  ): Promise<Conditioning> => {
    const told = contextText(index, request, context, i);
    if (!told) return {};
    const made = told.embeds
      ? givenInputs(told.embeds, i)
      : index.hasTextEncoder
        ? embeddedInputs(await embed(told))
        : {};
    return told.isZero ? zeros(made) : made;
  };
  const width = run.unet.shapes.get("timestep_cond")?.dims.at(-1) ?? 0;
  const shared = {
    timestep_cond: guidanceEmbedding(run.guidanceScale, width),
  };
  const images: Partial<Record<Context, Conditioning[]>> = {};
  for (const context of contexts) {
    const list: Conditioning[] = (images[context] = []);
    const time_ids = timeIds(model, run, sizesOf(request, context));
    for (let i = 0; i < promptCount(request); i++) {
      const told = await conditioning(context, i);
      const made = { ...shared, time_ids, ...told };
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

/** The caller's own embeddings of one prompt. */
function givenInputs(
  { hidden, pooled }: ContextEmbeds,
  i: number,
): Conditioning {
  const row = ({ data, shape }: Embeddings) => {
    const length = data.length / shape[0]!;
    return data.subarray(i * length, (i + 1) * length);
  };
  return {
    encoder_hidden_states: row(hidden),
    ...(pooled && { text_embeds: row(pooled) }),
  };
}

function embeddedInputs({ hidden, pooled }: EmbeddedText): Conditioning {
  return {
    encoder_hidden_states: hidden,
    ...(pooled && { text_embeds: pooled }),
  };
}

function zeros(inputs: Conditioning): Conditioning {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { length }]) => [
      name,
      new Float32Array(length),
    ]),
  );
}

type Sizes = Pick<
  Request,
  "originalSize" | "cropsCoordsTopLeft" | "targetSize"
>;

/** A context's sizes; the negative prompt has its own where they are given. */
function sizesOf(request: Request, context: Context): Sizes {
  if (context === "cond" || !request.negativeOriginalSize) return request;
  return {
    originalSize: request.negativeOriginalSize,
    cropsCoordsTopLeft: request.negativeCropsCoordsTopLeft,
    targetSize: request.negativeTargetSize,
  };
}

/** SDXL's sizes, in pixels: original height and width, top and left of the part, target height and width. */
function timeIds(
  { index }: Model,
  { shape }: PlannedRun,
  { originalSize, cropsCoordsTopLeft = [0, 0], targetSize }: Sizes,
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
  { unknown, truncated }: ReadText,
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
