// Options of `generate` that say what a Unet is told beside texts, ControlNets, and where one model hands over to another.

import { InvalidArgumentError, Option } from "commander";
import { integerFrom, listed, numberFrom } from "./option-values.js";

/** What these options are read as. */
export interface ConditionArguments {
  readonly classLabel?: number;
  readonly imageGuidance?: number;
  readonly noiseLevel?: number;
  readonly control?: readonly string[];
  readonly controlScale?: readonly number[];
  readonly controlRange?: readonly (readonly [start: number, end: number])[];
  readonly guessMode?: true;
  readonly aestheticScore?: number;
  readonly negativeAestheticScore?: number;
  readonly denoisingEnd?: number;
  readonly denoisingStart?: number;
  readonly latents?: string;
}

/** The options, in the order of the help. */
export function conditionOptions(): Option[] {
  return [
    new Option(
      "--class-label <N>",
      "a model that draws classes: which one",
    ).argParser(integerFrom(0)),
    new Option(
      "--image-guidance <S>",
      "a model that edits --image: how closely to keep to it\n(default: 1.5)",
    ).argParser(numberFrom(0)),
    new Option(
      "--noise-level <N>",
      "an upscaler: how much noise --image gets (default: 20)",
    ).argParser(integerFrom(0)),
    new Option(
      "--control <FILE.png>",
      "what a ControlNet follows; may be given once for each\nthat the model has",
    ).argParser((path: string, before: readonly string[] = []) => [
      ...before,
      path,
    ]),
    new Option(
      "--control-scale <S>",
      "how much that --control counts (default: 1)",
    ).argParser((text: string, before: readonly number[] = []) => [
      ...before,
      numberFrom(-Infinity)(text),
    ]),
    new Option(
      "--control-range <A,B>",
      "the part of the steps in which that --control counts\n(default: 0,1)",
    ).argParser(
      (text: string, before: readonly (readonly [number, number])[] = []) => [
        ...before,
        range(text),
      ],
    ),
    new Option(
      "--guess-mode",
      "let ControlNets guess what is drawn, also without a\nprompt",
    ),
    new Option(
      "--denoising-end <P>",
      "stop after this part of the way, above 0 and below 1:\n--save-sample then has the noise that is left",
    ).argParser(numberFrom(0)),
    new Option(
      "--latents <X.npy>",
      "start from this sample, as --save-sample wrote it, in\nplace of --image",
    ),
    new Option(
      "--denoising-start <P>",
      "go on from where another model stopped, in place of\n--strength",
    ).argParser(numberFrom(0)),
    new Option(
      "--aesthetic-score <S>",
      "SDXL's refiner: how much the picture is to be liked\n(default: 6)",
    ).argParser(numberFrom(-Infinity)),
    new Option(
      "--negative-aesthetic-score <S>",
      "SDXL's refiner: the same of --negative (default: 2.5)",
    ).argParser(numberFrom(-Infinity)),
  ];
}

/** Where a ControlNet lies that is no part of the model's folder. */
export function controlnetOption(): Option {
  return new Option(
    "--controlnet <NET>",
    "a ControlNet beside the model: path, URL or name of its\nfolder, or its .onnx; may be given several times",
  ).argParser(listed);
}

function range(text: string): readonly [number, number] {
  const [start, end, ...more] = text
    .split(",")
    .map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (more.length === 0 && Number.isFinite(start) && Number.isFinite(end))
    return [start!, end!];
  throw new InvalidArgumentError("It must be two numbers, such as 0,0.5.");
}
