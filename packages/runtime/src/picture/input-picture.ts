// From a picture that an app hands in to what a run starts from.

import type { ImageArray } from "./picture.js";

/** A picture as it is handed in; an `ImageData` is one. */
export interface InputPicture {
  /**
   * RGBA, row-major, four bytes a pixel, alpha without effect; or floats. An image's floats are `[channel, height,
   * width]` in [-1, 1], a mask's are `[height, width]` in [0, 1].
   */
  readonly data: Uint8ClampedArray | Float32Array;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** What a picture must be and is not; undefined where it is one. */
export function pictureProblem(value: unknown): string | undefined {
  const { data, width, height } = (value ?? {}) as Partial<InputPicture>;
  const pixels = Number(width) * Number(height);
  if (!Number.isSafeInteger(pixels) || pixels < 1 || !(Number(width) > 0))
    return "a picture with data, width and height, whole numbers of pixels";
  const isBytes = data instanceof Uint8ClampedArray;
  if (!isBytes && !(data instanceof Float32Array))
    return "a picture whose data is a Uint8ClampedArray of RGBA, or a Float32Array";
  const wanted = isBytes ? 4 * pixels : pixels;
  const fits = isBytes ? data.length === wanted : data.length % pixels === 0;
  if (fits && data.length > 0) return undefined;
  const what = isBytes ? "bytes" : "values for each channel";
  return `a picture of ${wanted} ${what}, ${width} × ${height} pixels: current number is ${data.length}`;
}

/**
 * An image's values in [-1, 1].
 * @param channels 3 is red, green, blue; 1 is grey
 * @throws {RangeError} If it has other channels
 */
export function imageArray(
  picture: InputPicture,
  channels: number,
): ImageArray {
  const { data, width, height } = picture;
  const pixels = width * height;
  if (data instanceof Float32Array) {
    if (data.length !== channels * pixels) {
      throw new RangeError(
        `Cannot draw from the image as it must have ${channels} channels: current number is ${data.length / pixels}`,
      );
    }
    return { data: new Float32Array(data), width, height };
  }
  if (channels !== 3 && channels !== 1) {
    throw new RangeError(
      `Cannot draw from the image as the model's samples have ${channels} channels: it must be a Float32Array of so many`,
    );
  }
  const values = new Float32Array(channels * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) {
      const level = channels === 1 ? grey(data, i) : data[4 * i + c]!;
      values[c * pixels + i] = 2 * Math.fround(level / 255) - 1;
    }
  }
  return { data: values, width, height };
}

/**
 * Where a mask asks for something new, on a grid of the sample's size; 1 is new, 0 is kept.
 * @throws {RangeError} If a mask of floats has more than one channel
 */
export function maskArray(
  { data, width, height }: InputPicture,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const isFloats = data instanceof Float32Array;
  if (isFloats && data.length !== width * height) {
    throw new RangeError(
      `Cannot draw under the mask as it must have one channel: current number is ${data.length / (width * height)}`,
    );
  }
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const y = Math.floor((Math.floor(i / columns) * height) / rows);
    const x = Math.floor(((i % columns) * width) / columns);
    const at = y * width + x;
    return (isFloats ? data[at]! : grey(data, at) / 255) >= 0.5 ? 1 : 0;
  });
}

/** The luma of ITU-R 601, rounded as Pillow rounds it. */
function grey(data: Uint8ClampedArray, pixel: number): number {
  const [r, g, b] = data.subarray(4 * pixel, 4 * pixel + 3);
  return (19595 * r! + 38470 * g! + 7471 * b! + 32768) >> 16;
}
