// Pictures as PNG files.

import type { Picture } from "@phaseskip/metrics";
import { encode } from "fast-png";
import { writeOutput } from "./file.js";
import { upscale } from "./picture-grid.js";

/** How a picture becomes a PNG. */
export interface PngOptions {
  /**
   * Every pixel is repeated so often in both directions, an integer of at least 1.
   * @default 1
   */
  readonly scale?: number;
}

/**
 * A PNG of 8 bits per channel: RGB if every pixel is opaque, else RGBA.
 * @throws {TypeError} If the picture's data is not `[height, width, 4]`.
 * @throws {RangeError} If the picture is empty, or `scale` is no integer of at least 1.
 */
export function encodePng(
  picture: Picture,
  options: PngOptions = {},
): Uint8Array {
  const { scale = 1 } = options;
  checkPicture(picture);
  const { data, width, height } = upscale(picture, scale);
  return isOpaque(data)
    ? encode({ data: withoutAlpha(data), width, height, channels: 3, depth: 8 })
    : encode({ data, width, height, channels: 4, depth: 8 });
}

/**
 * {@link encodePng} into a file; makes the folders above it.
 * @throws {TypeError} If the picture's data is not `[height, width, 4]`.
 * @throws {RangeError} If the picture is empty, or `scale` is no integer of at least 1.
 * @throws {Error} If the file cannot be written.
 */
export async function writePng(
  path: string,
  picture: Picture,
  options: PngOptions = {},
): Promise<void> {
  await writeOutput("the picture", path, encodePng(picture, options));
}

function isOpaque(data: Uint8ClampedArray): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}

function withoutAlpha(data: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return rgb;
}

function checkPicture({ data, width, height }: Picture): void {
  if (
    !Number.isInteger(width) ||
    !Number.isInteger(height) ||
    width < 1 ||
    height < 1
  ) {
    throw new RangeError(
      `Cannot write a PNG as width and height must be integers of at least 1: current values are ${width} and ${height}`,
    );
  }
  if (data.length !== width * height * 4) {
    throw new TypeError(
      `Cannot write a PNG as a picture of ${width} × ${height} must hold ${width * height * 4} RGBA samples: ` +
        `current number is ${data.length}`,
    );
  }
}
