// What the Unet is told beside the sample and the timestep, for each image and context of a run.

import type { Graph, LiveGraph } from "@phaseskip/graph";
import { PhaseskipError, elementCount, findInput } from "@phaseskip/graph";
import type { GivenText, InputGiven, RunInput } from "../inputs/run-input.js";
import { checkConstants, modelInputs } from "../inputs/model-inputs.js";
import { checkTimeIds } from "../inputs/time-ids.js";
import type { Context } from "../plan/plan.js";
import type { ContextEmbeds, ContextText } from "../prompt/context-text.js";
import { contextText } from "../prompt/context-text.js";
import type { Model } from "./model.js";
import { startsFrom } from "./plan-run.js";
import type { PlannedRun } from "./planned-run.js";
import type { Request } from "./request.js";
import type { Embeddings } from "../prompt/text-options.js";
import { promptCount } from "../prompt/picture-count.js";
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
  checkConstants(request.constants, index.constants);
  checkTimeIds(run.unet.shapes.get("time_ids")?.dims[1], request);
  const table = modelInputs(unetGraph, index.constants);
  const taken = readInputs(unetGraph, run.schedule.signatures);
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
  const textOf = async (context: Context, i: number): Promise<GivenText> => {
    const told = contextText(index, request, context, i);
    if (!told) return {};
    const made = told.embeds
      ? givenText(told.embeds, i)
      : index.hasTextEncoder
        ? embeddedText(await embed(told))
        : {};
    return told.isZero ? zeros(made) : made;
  };
  const [, , height, width] = run.shape;
  const images: Partial<Record<Context, Conditioning[]>> = {};
  for (const context of contexts) {
    const list: Conditioning[] = (images[context] = []);
    for (let prompt = 0; prompt < promptCount(request); prompt++) {
      const given = {
        request,
        context,
        prompt,
        guidanceScale: run.guidanceScale,
        channels: run.channels,
        controlNets: index.controlNets,
        isFromImage: startsFrom(request),
        pictureSize: [height, width].map(
          (side) => side * index.vaeScaleFactor,
        ) as [number, number],
        text: await textOf(context, prompt),
      };
      const inputs = taken.map((name) => {
        const length = elementCount(run.unet.shapes.get(name)!.dims.slice(1));
        return [name, valueOf(table, { ...given, name, length })] as const;
      });
      for (let n = 0; n < request.numImagesPerPrompt; n++)
        list.push(Object.fromEntries(inputs));
    }
  }
  return { images, warnings: [...warnings] };
}

/** What the Unet is told beside sample and timestep that some step of a run reads. */
function readInputs(
  { inputs, consumers }: Graph,
  signatures: readonly LiveGraph[],
): string[] {
  return inputs
    .map(({ name }) => name)
    .filter((name) => name !== "sample" && name !== "timestep")
    .filter((name) =>
      consumers
        .get(name)
        ?.some(({ index }) => signatures.some(({ isLive }) => isLive[index])),
    );
}

/** @throws {PhaseskipError} `model-unsupported` If nothing supplies the input */
function valueOf(table: readonly RunInput[], given: InputGiven): Float32Array {
  const { name } = given;
  const input = findInput(table, name) as RunInput;
  const value = input.value(given);
  if (value) return value;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run the Unet as nothing supplies its input ${name}: it needs ${input.source}`,
  );
}

/** The caller's own embeddings of one prompt. */
function givenText({ hidden, pooled }: ContextEmbeds, i: number): GivenText {
  const row = ({ data, shape }: Embeddings) => {
    const length = data.length / shape[0]!;
    return data.subarray(i * length, (i + 1) * length);
  };
  return {
    hidden: row(hidden),
    ...(pooled && { pooled: row(pooled) }),
  };
}

function embeddedText({ hidden, pooled }: EmbeddedText): GivenText {
  return { hidden, ...(pooled && { pooled }) };
}

function zeros({ hidden, pooled }: GivenText): GivenText {
  return {
    ...(hidden && { hidden: new Float32Array(hidden.length) }),
    ...(pooled && { pooled: new Float32Array(pooled.length) }),
  };
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
