// At which size a model draws.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ModelIndex } from "../folder/model-index.js";
import type { Request } from "./request.js";

/**
 * Height and width of the sample: what the request asks for, or what the graph is fixed to, else what the
 * configuration says, else the noise that is given. They are the picture's, divided by what the VAE enlarges.
 * @param enlargement how many times larger than the image the picture is
 * @throws {RangeError} If the model cannot draw at the size that is asked for, or from an image of its size
 * @throws {PhaseskipError} `model-invalid` if nothing says the size
 */
export function sampleSize(
  folder: ModelFolder,
  index: ModelIndex,
  graph: Graph,
  request: Pick<Request, "height" | "width" | "image" | "initNoiseShape"> &
    Partial<Pick<Request, "latents">>,
  enlargement = 1,
): readonly [height: number, width: number] {
  const { image, latents } = request;
  const { unetConfig, vaeScaleFactor } = index;
  const fixedSides = fixedSize(graph);
  const side = (name: "height" | "width", axis: 0 | 1): number => {
    const fixed = fixedSides[axis];
    const drawn = image
      ? image[name] * enlargement
      : latents && latents.shape[axis + 2]! * vaeScaleFactor;
    const pixels = request[name] ?? drawn;
    const own =
      fixed ??
      unetConfig.sampleSize?.[axis] ??
      request.initNoiseShape?.[axis + 2] ??
      classSide(index);
    if (pixels === undefined) {
      if (own !== undefined) return own;
      throw new PhaseskipError(
        "model-invalid",
        `Cannot choose a size for the model at ${folder.location} as its ${folder.unetPath === undefined ? "unet/config.json" : "config.json"} has no sample_size: give height and width`,
      );
    }
    const what =
      request[name] === undefined
        ? `the ${image ? "image's" : "latents'"} ${name}`
        : `${name}`;
    if (fixed !== undefined && pixels !== fixed * vaeScaleFactor) {
      throw new RangeError(
        `Cannot generate an image as ${what} must be the ${fixed * vaeScaleFactor} pixels that the model's export is fixed to: current value is ${pixels}; export it with dynamic axes to change that`,
      );
    }
    const multiple = vaeScaleFactor * unetConfig.sizeMultiple;
    if (fixed === undefined && pixels % multiple !== 0) {
      throw new RangeError(
        `Cannot generate an image as ${what} must be a multiple of ${multiple} pixels for this model: current value is ${pixels}`,
      );
    }
    if (image && drawn !== pixels) {
      throw new RangeError(
        `Cannot generate an image as the image to start from must have the ${name} that is drawn, ${pixels / enlargement} pixels: current value is ${image[name]}`,
      );
    }
    return pixels / vaeScaleFactor;
  };
  return [side("height", 0), side("width", 1)];
}

/** A size in the sample's pixels; a side is undefined where it is open. */
type OpenSize = readonly [
  height: number | undefined,
  width: number | undefined,
];

/** Height and width of the sample that an export is fixed to. */
export function fixedSize({ inputs }: Pick<Graph, "inputs">): OpenSize {
  const dims = inputs.find(({ name }) => name === "sample")?.dims;
  const side = (axis: number) => {
    const dim = dims?.[axis];
    return typeof dim === "number" ? dim : undefined;
  };
  return [side(2), side(3)];
}

/** Height and width of the sample where a call says none. */
export function usualSize(index: ModelIndex, graph: Graph): OpenSize {
  const [height, width] = fixedSize(graph);
  const said = index.unetConfig.sampleSize;
  return [
    height ?? said?.[0] ?? classSide(index),
    width ?? said?.[1] ?? classSide(index),
  ];
}

/** diffusers' classes draw 512 pixels, Stable Diffusion XL's 1024, where no configuration says a size. */
function classSide({ hasVae, hasTextEncoder2 }: ModelIndex) {
  return hasVae ? (hasTextEncoder2 ? 128 : 64) : undefined;
}
