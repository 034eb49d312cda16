// Pictures as PNG files.

import type { Picture } from "@phaseskip/metrics";
import { convertIndexedToRgb, decode, encode, type DecodedPng } from "fast-png";
import { readInput, writeOutput } from "../files/file.js";
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

/**
 * Reads a PNG file of any kind: grey, colours or a palette, with alpha or without, 1 to 16 bits.
 * @param what what the file is to the user, such as `the mask`
 * @throws {RangeError} If the file cannot be read, or is no PNG.
 */
export async function readPng(what: string, path: string): Promise<Picture> {
  return decodePng(await readInput(what, path), what, path);
}

/**
 * A PNG's picture, RGBA of 8 bits per channel.
 * @param what what the file is to the user, such as `the mask`
 * @param path the file's name, for messages
 * @throws {RangeError} If it is none.
 */
export function decodePng(
  bytes: Uint8Array,
  what = "the picture",
  path = "its file",
): Picture {
  try {
    checkClaim(bytes);
    return rgbaOf(decode(bytes));
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(
      `Cannot read ${what} as ${path} must be a PNG: current state is ${said.trim()}`,
      { cause },
    );
  }
}

/** Refuses a size that no file of this length can hold, before memory of that size is asked for. */
function checkClaim(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) throw new Error(`it has ${bytes.length} bytes`);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  // a pixel takes a bit at least, and deflate packs 1032 bytes into one at most
  if ((width * height) / 8 > 1032 * bytes.length)
    throw new Error(`${width} × ${height} pixels in ${bytes.length} bytes`);
}

function rgbaOf(png: DecodedPng): Picture {
  const { width, height, depth } = png;
  // grey of few bits is packed as a palette's indices are
  const levels = Array.from({ length: 2 ** depth }, (_, i) => {
    const level = Math.round((255 * i) / (2 ** depth - 1));
    return [level, level, level];
  });
  if (png.data.length === 0) throw new Error("it has no pixels");
  const isPacked = png.palette !== undefined || depth < 8;
  const values = isPacked
    ? convertIndexedToRgb({ ...png, palette: png.palette ?? levels })
    : depth === 16
      ? png.data.map((value) => value >> 8)
      : png.data;
  const pixels = width * height;
  const channels = values.length / pixels;
  const data = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++)
      data[4 * i + c] = values[channels * i + (channels < 3 ? 0 : c)]!;
    if (channels % 2 === 0) data[4 * i + 3] = values[channels * (i + 1) - 1]!;
  }
  return { data, width, height };
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
