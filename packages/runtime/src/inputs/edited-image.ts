// What a Unet that edits by instruction reads: a latent of the image.

import { imageArray } from "../picture/input-picture.js";
import type { ChannelsGiven, DrawChannels } from "./sample-channel.js";

/**
 * The mode of the encoder's distribution, as it is, not scaled (diffusers 0.42.1,
 * pipelines/stable_diffusion/pipeline_stable_diffusion_instruct_pix2pix.py).
 */
export async function editedImage({
  image,
  encode,
}: ChannelsGiven): Promise<DrawChannels> {
  const { mean } = await encode(imageArray(image, 3));
  return () => mean;
}
