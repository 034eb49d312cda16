// What an inpainting Unet reads: the mask, and the image without what it covers.

import { imageArray, maskArray } from "../picture/input-picture.js";
import { drawLatent } from "../picture/latent.js";
import type { ChannelsGiven, DrawChannels } from "./sample-channel.js";

/**
 * The mask at the sample's size, 1 where something new is wanted, then a latent of the image that is mid-grey there
 * (diffusers 0.42.1, pipelines/stable_diffusion/pipeline_stable_diffusion_inpaint.py).
 */
export async function maskedImage({
  image,
  mask,
  height,
  width,
  encode,
  scalingFactor,
}: ChannelsGiven): Promise<DrawChannels> {
  const pixels = imageArray(image, 3);
  const covered = maskArray(mask!, image.height, image.width);
  const data = pixels.data.map((value, i) =>
    covered[i % covered.length] ? 0 : value,
  );
  const latents = await encode({ ...pixels, data });
  const cells = maskArray(mask!, height, width);
  return (random) => {
    const latent = drawLatent(latents, random, scalingFactor);
    const all = new Float32Array(cells.length + latent.length);
    all.set(cells);
    all.set(latent, cells.length);
    return all;
  };
}
