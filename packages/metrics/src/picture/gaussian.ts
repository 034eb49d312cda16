// Separable Gaussian filters on one plane, `[height, width]` row-major.

/** A plane of samples with its size. */
export interface Plane {
  /** Samples, `[height, width]` row-major. */
  readonly data: Float64Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/**
 * A Gaussian's samples around its centre, scaled to the sum 1.
 * @param size number of samples, odd
 * @param sigma standard deviation in pixels
 */
export function gaussianWindow(size: number, sigma: number): Float64Array {
  const radius = (size - 1) / 2;
  const window = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-0.5 * ((i - radius) / sigma) ** 2),
  );
  const sum = window.reduce((total, value) => total + value, 0);
  return window.map((value) => value / sum);
}

/**
 * Filters rows, then columns, and keeps only the area where the window lies inside the plane.
 * @param window an odd number of weights, at most the plane's shorter side
 * @returns a plane smaller by `window.length − 1` in both directions
 */
export function filterValid(plane: Plane, window: Float64Array): Plane {
  const { data, width, height } = plane;
  const outWidth = width - window.length + 1;
  const outHeight = height - window.length + 1;
  const rows = new Float64Array(outWidth * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < outWidth; x++) {
      let sum = 0;
      for (let k = 0; k < window.length; k++) {
        sum += window[k]! * data[y * width + x + k]!;
      }
      rows[y * outWidth + x] = sum;
    }
  }
  const out = new Float64Array(outWidth * outHeight);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      let sum = 0;
      for (let k = 0; k < window.length; k++) {
        sum += window[k]! * rows[(y + k) * outWidth + x]!;
      }
      out[y * outWidth + x] = sum;
    }
  }
  return { data: out, width: outWidth, height: outHeight };
}

/**
 * Blurs a plane to the same size; beyond the edge it continues mirrored, edge sample included
 * (`reflect` in scipy.ndimage). The window reaches 4 sigma to each side.
 * @param sigma standard deviation in pixels, above 0
 */
export function blur(plane: Plane, sigma: number): Plane {
  const radius = Math.max(1, Math.floor(4 * sigma + 0.5));
  const { data, width, height } = plane;
  const padded = new Float64Array((width + 2 * radius) * (height + 2 * radius));
  for (let y = 0; y < height + 2 * radius; y++) {
    const from = mirror(y - radius, height) * width;
    const to = y * (width + 2 * radius);
    for (let x = 0; x < width + 2 * radius; x++) {
      padded[to + x] = data[from + mirror(x - radius, width)]!;
    }
  }
  return filterValid(
    {
      data: padded,
      width: width + 2 * radius,
      height: height + 2 * radius,
    },
    gaussianWindow(2 * radius + 1, sigma),
  );
}

function mirror(index: number, length: number): number {
  const period = 2 * length;
  const wrapped = ((index % period) + period) % period;
  return wrapped < length ? wrapped : period - 1 - wrapped;
}
