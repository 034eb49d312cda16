// From a picture that an app hands in to what a ControlNet follows.

import type { InputPicture } from "./input-picture.js";

/**
 * A picture's levels in [0, 1], `[3, height, width]`.
 * @throws {RangeError} If floats have other channels
 */
export function levels({
  data,
  width,
  height,
}: InputPicture): Float32Array<ArrayBuffer> {
  const pixels = width * height;
  if (data instanceof Float32Array) {
    if (data.length === 3 * pixels) return new Float32Array(data);
    throw new RangeError(
      `Cannot follow the picture as it must have 3 channels: current number is ${data.length / pixels}`,
    );
  }
  return Float32Array.from(
    { length: 3 * pixels },
    (_, i) => data[4 * (i % pixels) + Math.floor(i / pixels)]! / 255,
  );
}
