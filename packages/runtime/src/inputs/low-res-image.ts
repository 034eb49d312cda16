// What an upscaler's Unet reads: the small picture, with some noise.

import { loadScheduler } from "@phaseskip/scheduler";
import { imageArray } from "../picture/input-picture.js";
import type { ChannelsGiven, DrawChannels } from "./sample-channel.js";
import { NOISE_LEVEL } from "./sample-channel.js";

/**
 * The picture with the noise of that timestep of the schedule that the upscaler was trained with (diffusers 0.42.1,
 * pipelines/stable_diffusion/pipeline_stable_diffusion_upscale.py).
 */
export async function lowResImage({
  image,
  request: { noiseLevel = NOISE_LEVEL },
  lowResScheduler,
}: ChannelsGiven): Promise<DrawChannels> {
  const { data } = imageArray(image, 3);
  const config = lowResScheduler ?? published;
  const timesteps = [noiseLevel];
  const name = String(config["_class_name"]);
  const scheduler = await loadScheduler(name, config, { timesteps });
  return (random) => scheduler.addNoise(data, random.randn(data.length), 0);
}

/** The schedule of Stable Diffusion's upscaler, as its folder has it. */
const published = {
  _class_name: "DDPMScheduler",
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
};
