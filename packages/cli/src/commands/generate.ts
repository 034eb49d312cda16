// `phaseskip generate`: from a prompt to a PNG, with the whole model or under a plan, or both side by side.

import type {
  Dtype,
  Generated,
  GenerateOptions,
  Pipeline,
  QualityName,
  SchedulerName,
} from "@phaseskip/runtime";
import { writeJson, writeNotes, type CommandIo } from "../command-io.js";
import {
  describeDrawn,
  summarizeDrawn,
  type Drawn,
  type DrawnFiles,
} from "../terminal/drawn.js";
import { hubRequest, type HubArguments } from "../files/hub-options.js";
import { loraArgument } from "../files/lora-argument.js";
import { conditionRequest } from "../files/condition-request.js";
import { openPipeline } from "../node-pipeline.js";
import { readNpy, writeNpy, type NpyArray } from "../pictures/npy.js";
import { planArgument } from "../files/plan-argument.js";
import { readPng, writePng } from "../pictures/png.js";
import type { ConditionArguments } from "../terminal/condition-options.js";
import { schedulerChoice } from "../terminal/run-options.js";
import { progress, type Progress } from "../terminal/progress.js";
import {
  unetInputs,
  type UnetInputArguments,
} from "../terminal/unet-input-options.js";
import { pictureScale, sheet } from "../pictures/sheet.js";

/** The options of `generate`, read. */
export interface GenerateArguments
  extends HubArguments, ConditionArguments, UnetInputArguments {
  readonly prompt?: readonly string[];
  readonly negative?: string;
  readonly prompt2?: readonly string[];
  readonly negative2?: string;
  readonly promptStyle?: "weighted" | "plain";
  readonly clipSkip?: number;
  readonly lora?: readonly string[];
  readonly controlnet?: readonly string[];
  readonly guidanceRescale?: number;
  readonly vaeTiling?: boolean;
  readonly seed: number;
  readonly count?: number;
  readonly steps?: number;
  readonly scheduler?: SchedulerName;
  readonly schedulerOption?: readonly string[];
  readonly guidance?: number;
  readonly plan?: string;
  readonly quality?: QualityName;
  readonly height?: number;
  readonly width?: number;
  readonly image?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly compare?: true;
  readonly out?: string;
  readonly initNoise?: string;
  readonly saveSample?: string;
  readonly backend: "wasm" | "node";
  readonly dtype?: Dtype;
  readonly json?: true;
}

/** Steps before a comparison. */
const WARM_UP_STEPS = 2;

/** Runs `phaseskip generate MODEL`. */
export async function generate(
  model: string,
  options: GenerateArguments,
  io: CommandIo,
): Promise<void> {
  const { plan = "none", quality = "lossless" } = options;
  const isWhole = plan === "none" && (quality === "lossless" || options.plan);
  if (options.compare && isWhole) {
    throw new TypeError(
      "Cannot compare as --compare needs a plan: give --plan a file or a name, or --quality a word",
    );
  }
  const noise =
    options.initNoise === undefined
      ? undefined
      : await readNpy(options.initNoise);
  const count = countOf(options, noise);
  const request = await requestOf(options, count, noise);
  const shown = progress(io.stderr);
  const { signal } = io;
  const inputs = unetInputs(options);
  const pipeline = await openPipeline(model, {
    device: options.backend,
    ...(options.dtype !== undefined && { dtype: options.dtype }),
    ...(inputs && { inputs }),
    ...(options.controlnet && { controlnet: options.controlnet }),
    ...hubRequest(options),
    progress: shown,
    ...(signal && { signal }),
  });
  let drawn: Drawn;
  try {
    drawn = await draw(
      pipeline,
      request,
      options.compare === true,
      shown,
      signal,
    );
  } finally {
    shown.clear();
    pipeline.dispose();
  }
  if (noise) checkNoise(noise, drawn.generated, options.initNoise!);
  const files = await writeFiles(drawn, options);
  writeNotes(io, [...pipeline.warnings, ...drawn.generated.report.warnings]);
  if (options.json) {
    const asked = { prompt: promptOf(options.prompt), seed: options.seed };
    writeJson(io, summarizeDrawn(model, asked, drawn, files));
  } else io.stdout.write(describeDrawn(drawn, files, io));
}

/** Pictures of each prompt. */
function countOf(
  { count, initNoise, prompt = [""] }: GenerateArguments,
  noise: NpyArray | undefined,
): number {
  if (!noise) return count ?? 1;
  const [batch = 0] = noise.shape;
  const each = batch / prompt.length;
  const isWhole = Number.isInteger(each) && each > 0;
  if (noise.shape.length === 4 && isWhole && each === (count ?? each))
    return each;
  const wanted = count === undefined ? "batch" : count * prompt.length;
  throw new RangeError(
    `Cannot start from ${initNoise} as its shape must be [${wanted}, channel, height, width]: it is [${noise.shape.join(", ")}]`,
  );
}

/** One text as it is, several as a list. */
function promptOf(
  prompt: readonly string[] | undefined,
): string | readonly string[] | undefined {
  return prompt?.length === 1 ? prompt[0] : prompt;
}

async function requestOf(
  options: GenerateArguments,
  count: number,
  noise: NpyArray | undefined,
): Promise<GenerateOptions> {
  const { negative, seed, steps, guidance } = options;
  const scheduler = schedulerChoice(options.scheduler, options.schedulerOption);
  const prompt = promptOf(options.prompt);
  const prompt2 = promptOf(options.prompt2);
  const { negative2, promptStyle, clipSkip, guidanceRescale, vaeTiling } =
    options;
  const { height, width, image, strength, mask, plan, quality } = options;
  return {
    ...(plan !== undefined && { plan: await planArgument(plan) }),
    ...(quality !== undefined && { quality }),
    seed,
    numImagesPerPrompt: count,
    ...(prompt !== undefined && { prompt }),
    ...(height !== undefined && { height }),
    ...(width !== undefined && { width }),
    ...(image !== undefined && { image: await readPng("the image", image) }),
    ...(strength !== undefined && { strength }),
    ...(mask !== undefined && { mask: await readPng("the mask", mask) }),
    ...(negative !== undefined && { negativePrompt: negative }),
    ...(prompt2 !== undefined && { prompt2 }),
    ...(negative2 !== undefined && { negativePrompt2: negative2 }),
    ...(promptStyle !== undefined && { promptStyle }),
    ...(clipSkip !== undefined && { clipSkip }),
    ...(options.lora && { loras: options.lora.map(loraArgument) }),
    ...(guidanceRescale !== undefined && { guidanceRescale }),
    ...(vaeTiling !== undefined && { vaeTiling }),
    ...(steps !== undefined && { numInferenceSteps: steps }),
    ...(scheduler !== undefined && { scheduler }),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(await conditionRequest(options)),
    ...(noise && { initNoise: noise.data, initNoiseShape: noise.shape }),
  };
}

/** A worker's first steps are slow; with both runs to be timed, they come before either. */
async function draw(
  pipeline: Pipeline,
  request: GenerateOptions,
  isCompared: boolean,
  shown: Progress,
  signal: AbortSignal | undefined,
): Promise<Drawn> {
  const run = async (label: string, changes: GenerateOptions = {}) =>
    pipeline.generate({
      ...request,
      ...changes,
      ...(signal && { signal }),
      onStep: ({ stepIndex, stepCount }) =>
        shown.show(
          label,
          stepIndex + 1,
          stepCount,
          `step ${stepIndex + 1} of ${stepCount}`,
        ),
    });
  if (!isCompared) return { generated: await run("drawing"), full: undefined };
  const first = pipeline.denoise({ ...request, ...(signal && { signal }) });
  for await (const { stepIndex } of first) {
    shown.show("warming up", stepIndex + 1, WARM_UP_STEPS);
    if (stepIndex + 1 >= WARM_UP_STEPS) break;
  }
  const generated = await run("drawing, plan");
  const { numInferenceSteps } = generated.report;
  return {
    generated,
    full: await run("drawing, full", { plan: "none", numInferenceSteps }),
  };
}

function checkNoise(
  { shape }: NpyArray,
  { sampleShape }: Generated,
  path: string,
): void {
  if (shape.join() === sampleShape.join()) return;
  throw new RangeError(
    `Cannot start from ${path} as its shape must be [${sampleShape.join(", ")}]: it is [${shape.join(", ")}]`,
  );
}

async function writeFiles(
  { generated, full }: Drawn,
  options: GenerateArguments,
): Promise<DrawnFiles> {
  const { saveSample } = options;
  const out =
    options.out ?? (saveSample === undefined ? "phaseskip.png" : undefined);
  const { images, sample, sampleShape } = generated;
  const scale = pictureScale(images[0]!);
  if (saveSample !== undefined)
    await writeNpy(saveSample, { shape: sampleShape, data: sample });
  if (out !== undefined)
    await writePng(out, sheet(images, full?.images, scale), { scale });
  return { picture: out, sample: saveSample, scale };
}
