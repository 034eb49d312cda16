// Whether pictures go through a VAE whole or in tiles.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError, largestValue } from "@phaseskip/graph";
import type { TilingDevice } from "../device/device-fit.js";
import { isTooLarge } from "../device/device-fit.js";

/**
 * Whether a device decodes a latent in tiles: what was asked for, else where it cannot hold the picture whole.
 *
 * @param dims of the latent, `[1, channel, height, width]`
 * @param side of a tile, in latent pixels
 * @throws {RangeError} If tiles are asked of an export that is fixed to another size than theirs
 */
export function vaeTiling(
  decoder: Graph,
  dims: readonly number[],
  side: number,
  asked?: boolean,
): (device: TilingDevice) => boolean {
  const isOneTile = dims.slice(2).every((whole) => whole <= side);
  if (asked === false || isOneTile) return () => false;
  const fixed = decoder.inputs[0]?.dims?.slice(2) ?? [];
  const isFixed = fixed.some((dim) => typeof dim === "number" && dim > 0);
  if (isFixed && asked) {
    throw new RangeError(
      `Cannot decode in tiles as the model's vae_decoder is fixed to ${fixed.join(" × ")} latent pixels: vaeTiling must be false, or the export made with dynamic axes`,
    );
  }
  if (isFixed || asked) return () => !isFixed;
  return (device) => isTooLargeWhole(decoder, dims, device);
}

function isTooLargeWhole(
  decoder: Graph,
  dims: readonly number[],
  device: TilingDevice,
): boolean {
  try {
    return isTooLarge(
      largestValue(decoder, () => dims),
      device,
    );
  } catch (error) {
    // it runs all the same: only a cut needs shapes
    if (error instanceof PhaseskipError) return false;
    throw error;
  }
}
