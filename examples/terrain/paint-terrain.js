// Heights as a map: tints by height, shaded as if the sun stood in the north-west.

/** Heights in metres that the model was trained on, and the scale below which they are spread (its package's generator.py). */
const MOST = 22.16864013671875;
const SPREAD = 0.1;

/** Red, green and blue from low to high. */
const TINTS = [
  [58, 107, 82],
  [134, 158, 98],
  [212, 195, 141],
  [150, 112, 84],
  [245, 243, 240],
];

/**
 * Paints a square terrain.
 *
 * @param {HTMLCanvasElement} canvas of the terrain's size
 * @param {Float32Array} sample what the model gives, in [-1, 1]: heights' area hyperbolic sines
 */
export function paintTerrain(canvas, sample) {
  const { width } = canvas;
  const heights = sample.map((value) => {
    const unit = Math.min(Math.max((value + 1) / 2, 0), 1);
    return SPREAD * Math.sinh(unit * Math.asinh(MOST / SPREAD));
  });
  const most = heights.reduce((a, b) => Math.max(a, b), 0);
  const at = (x, y) => heights[Math.max(y, 0) * width + Math.max(x, 0)];
  const data = new Uint8ClampedArray(4 * sample.length);
  for (let i = 0; i < sample.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const slope = 2 * at(x, y) - at(x - 1, y) - at(x, y - 1);
    const light = 1 + Math.max(-0.5, Math.min(0.5, -slope));
    tint(most > 0 ? heights[i] / most : 0).forEach((level, c) => {
      data[4 * i + c] = level * light;
    });
    data[4 * i + 3] = 255;
  }
  const image = new ImageData(data, width, sample.length / width);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The tint of a height, 0 to 1. */
function tint(height) {
  const place = height * (TINTS.length - 1);
  const low = Math.min(Math.floor(place), TINTS.length - 2);
  return TINTS[low].map(
    (level, c) => level + (place - low) * (TINTS[low + 1][c] - level),
  );
}
