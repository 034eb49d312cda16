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
  { unetConfig, vaeScaleFactor, hasVae, hasTextEncoder2 }: ModelIndex,
  graph: Graph,
  request: Pick<Request, "height" | "width" | "image" | "initNoiseShape"> &
    Partial<Pick<Request, "latents">>,
  enlargement = 1,
): readonly [height: number, width: number] {
  const { image, latents } = request;
  // diffusers' classes draw 512 pixels, Stable Diffusion XL's 1024, where no configuration says a size
  const ofClass = hasVae ? (hasTextEncoder2 ? 128 : 64) : undefined;
  const dims = graph.inputs.find(({ name }) => name === "sample")?.dims;
  const side = (name: "height" | "width", axis: 0 | 1): number => {
    const dim = dims?.[axis + 2];
    const fixed = typeof dim === "number" ? dim : undefined;
    const drawn = image
      ? image[name] * enlargement
      : latents && latents.shape[axis + 2]! * vaeScaleFactor;
    const pixels = request[name] ?? drawn;
    const own =
      fixed ??
      unetConfig.sampleSize?.[axis] ??
      request.initNoiseShape?.[axis + 2] ??
      ofClass;
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
