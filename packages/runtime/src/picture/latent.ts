// What an encoder makes of a picture: a normal distribution of latents, of which one is drawn.

import type { NoiseGenerator } from "@phaseskip/scheduler";

/** A normal distribution of latents, not scaled; both `[channel, height, width]`. */
export interface LatentDistribution {
  /** Its mode, too. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** Standard deviations; missing where nothing is left to chance. */
  readonly deviation?: Float32Array;
}

/**
 * Draws a latent, as diffusers does (0.42.1, models/autoencoders/vae.py): no random number is taken where nothing is left
 * to chance.
 * @param factor what the latent is multiplied by
 */
export function drawLatent(
  { mean, deviation }: LatentDistribution,
  random: NoiseGenerator,
  factor: number,
): Float32Array<ArrayBuffer> {
  const noise = deviation && random.randn(mean.length);
  return mean.map((value, i) => {
    const drawn = noise ? Math.fround(deviation[i]! * noise[i]!) : 0;
    return Math.fround(value + drawn) * factor;
  });
}
