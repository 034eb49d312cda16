// What a model takes beside a seed and steps: what a form that draws with it has to ask. A file of its own in an app.

import type { Graph } from "@phaseskip/graph";
import { dtypeOf, namedDtype, type Dtype } from "../folder/dtype.js";
import type { ModelIndex } from "../folder/model-index.js";
import { roleOf } from "../folder/part-name.js";
import { channelsBeside } from "../inputs/sample-channels.js";
import type { Model } from "./model.js";
import { fixedSize, usualSize } from "./sample-size.js";

/** Options of a call that some models take, and others refuse or do nothing with. */
export type TakenOption =
  | "prompt"
  | "negativePrompt"
  | "guidanceScale"
  | "image"
  | "mask"
  | "strength"
  | "imageGuidanceScale"
  | "noiseLevel"
  | "control"
  | "classLabel";

/** What a model takes. */
export interface ModelTakes {
  /** The options that it takes, of those that not every model does. */
  readonly options: readonly TakenOption[];
  /** Those of them without which it does not draw. */
  readonly needs: readonly TakenOption[];
  /** Height of a picture where a call says none, in pixels; undefined where every call has to. */
  readonly height: number | undefined;
  /** Width of a picture where a call says none, in pixels; undefined where every call has to. */
  readonly width: number | undefined;
  /** What other heights and widths are multiples of, in pixels; undefined where the export is fixed to one size. */
  readonly sizeMultiple: number | undefined;
  /** Pixels of the picture for one of `image`, in both directions: above 1 an upscaler. */
  readonly enlargement: number;
  /** The model's ControlNets as plans call them, in the order of a call's `control`. */
  readonly controlNets: readonly string[];
  /** The dtypes of its Unet's files that are known, that of the one in use first. */
  readonly dtypes: readonly Dtype[];
}

/** Says what a loaded model takes. */
export async function modelTakes(
  { folder, index, unetGraph }: Pick<Model, "folder" | "index" | "unetGraph">,
  signal?: AbortSignal,
): Promise<ModelTakes> {
  const paths = await folder.paths(signal);
  const beside = channelsBeside(index.unetConfig, folder.location);
  const enlargement = beside?.isSmall ? index.vaeScaleFactor : 1;
  const has = (name: string) =>
    unetGraph.inputs.some((input) => input.name === name);
  const text = index.hasTextEncoder;
  const image = readsImages(index, paths);
  const mayStart = image && (beside?.isStart ?? true);
  const label = isLabel(unetGraph) && !beside?.classLabel;
  const { controlNets } = index;
  const taken: readonly (readonly [TakenOption, boolean])[] = [
    ["prompt", text],
    // one that was distilled runs in one context
    ["negativePrompt", text && !has("timestep_cond")],
    ["guidanceScale", text],
    ["image", image || beside !== undefined],
    ["mask", mayStart],
    ["strength", mayStart],
    ["imageGuidanceScale", beside?.isGuided ?? false],
    ["noiseLevel", beside?.classLabel !== undefined],
    ["control", controlNets.length > 0],
    ["classLabel", label],
  ];
  const [height, width] = usualSize(index, unetGraph).map(
    (side) => side && side * index.vaeScaleFactor,
  );
  const isFixed = fixedSize(unetGraph).every((side) => side !== undefined);
  return {
    options: taken.flatMap(([name, isTaken]) => (isTaken ? [name] : [])),
    needs: [
      ...(beside?.options ?? []),
      ...(label ? ["classLabel" as const] : []),
    ],
    height,
    width,
    sizeMultiple: isFixed
      ? undefined
      : index.vaeScaleFactor * index.unetConfig.sizeMultiple,
    enlargement,
    controlNets,
    dtypes: dtypesIn(index, unetGraph, paths),
  };
}

/** Whether pictures become samples: in pixels by themselves, else by the VAE's encoder, which a list of files may lack. */
function readsImages(
  { hasVae, unetConfig }: ModelIndex,
  paths: readonly string[] | undefined,
): boolean {
  if (!hasVae) return [1, 3].includes(unetConfig.sampleChannels);
  return paths?.some((path) => roleOf(path) === "vae_encoder") ?? true;
}

/** Whether the Unet is told a class by its number, not by a vector. */
function isLabel({ inputs }: Graph): boolean {
  const input = inputs.find(({ name }) => name === "class_labels");
  return input !== undefined && input.dims?.length === 1;
}

function dtypesIn(
  { unetPath }: ModelIndex,
  graph: Graph,
  paths: readonly string[] | undefined,
): Dtype[] {
  const others = (paths ?? []).filter(
    (path) => roleOf(path) === "unet" && path !== unetPath,
  );
  const all = [
    dtypeOf(graph),
    ...others.map((path) => namedDtype(path) ?? "fp32"),
  ];
  return [...new Set(all)] as Dtype[];
}
