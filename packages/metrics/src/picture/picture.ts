// The picture every image distance here takes, and the checks at its boundary.

/**
 * An 8-bit picture. Structurally the same as the DOM's `ImageData`, so that either can be
 * passed.
 */
export interface Picture {
  /** Samples in `[0, 255]`, `[height, width, 4]` row-major, RGBA. Alpha is ignored here. */
  readonly data: Uint8ClampedArray;
  /** Width in pixels, an integer of at least 1. */
  readonly width: number;
  /** Height in pixels, an integer of at least 1. */
  readonly height: number;
}

/** Colour channels that the distances look at: red, green, blue. */
export const COLOR_CHANNELS = 3;

/**
 * Checks two pictures that are to be compared.
 * @param attempt what the caller was about to do, for the message, such as `compute SSIM`
 * @throws {TypeError} If the data of one is not `[height, width, 4]`.
 * @throws {RangeError} If their sizes differ, or one is empty.
 */
export function checkComparable(attempt: string, a: Picture, b: Picture): void {
  checkPicture(attempt, a);
  checkPicture(attempt, b);
  if (a.width !== b.width || a.height !== b.height) {
    throw new RangeError(
      `Cannot ${attempt} as both pictures must have the same size: current values are ` +
        `${a.width} × ${a.height} and ${b.width} × ${b.height}`,
    );
  }
}

/**
 * The picture's colours as one plane each.
 * @returns three planes (red, green, blue), each `[height, width]` row-major in `[0, 255]`
 */
export function colorPlanes(picture: Picture): Float64Array[] {
  const size = picture.width * picture.height;
  return Array.from({ length: COLOR_CHANNELS }, (_, channel) => {
    const plane = new Float64Array(size);
    for (let i = 0; i < size; i++) plane[i] = picture.data[4 * i + channel]!;
    return plane;
  });
}

function checkPicture(attempt: string, picture: Picture): void {
  const { data, width, height } = picture;
  for (const [name, value] of [
    ["width", width],
    ["height", height],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(
        `Cannot ${attempt} as a picture's ${name} must be an integer of at least 1: ` +
          `current value is ${value}`,
      );
    }
  }
  if (data.length !== width * height * 4) {
    throw new TypeError(
      `Cannot ${attempt} as a picture of ${width} × ${height} must hold ` +
        `${width * height * 4} RGBA samples: current number is ${data.length}`,
    );
  }
}
