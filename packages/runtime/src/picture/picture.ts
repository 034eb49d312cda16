// From samples to pictures.

/** A picture. */
export interface Picture {
  /** RGBA, row-major, four bytes a pixel. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** One image's values, as networks take them. */
export interface ImageArray {
  /** `[channel, height, width]`. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
}

/**
 * A sample in pixel space as a picture: `round(255·clamp(x/2 + ½))`.
 *
 * @param sample `[channel, height, width]` with 1 channel (grey) or 3 (red, green, blue); 0 is mid-grey
 */
export function samplePicture(
  sample: Float32Array,
  height: number,
  width: number,
): Picture {
  const pixels = height * width;
  const channels = sample.length / pixels;
  const data = new Uint8ClampedArray(pixels * 4);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const x = sample[(channels === 1 ? 0 : c) * pixels + i]!;
      // half values are rounded up, as the formula says, not to even, as the array would
      data[i * 4 + c] = Math.floor(
        255 * Math.min(Math.max(x / 2 + 0.5, 0), 1) + 0.5,
      );
    }
    data[i * 4 + 3] = 255;
  }
  return { data, width, height };
}
