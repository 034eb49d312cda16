// The three pictures: whole, with the plan, and what is between them.

import { ssim } from "@phaseskip/metrics";
import type { Picture } from "phaseskip";

/** How much the difference is enlarged, so that it can be seen. */
const gain = 4;

/** Draws a picture into a canvas and says what it is. */
export function show(
  canvas: HTMLCanvasElement,
  picture: Picture,
  label: string,
): void {
  const { data, width, height } = picture;
  Object.assign(canvas, { width, height });
  canvas
    .getContext("2d")!
    .putImageData(new ImageData(data, width, height), 0, 0);
  canvas.ariaLabel = label;
}

/** The difference of two pictures around mid-grey, four times as strong. */
export function difference(a: Picture, b: Picture): Picture {
  const data = new Uint8ClampedArray(a.data.length);
  for (let i = 0; i < data.length; i++)
    data[i] = i % 4 === 3 ? 255 : 128 + gain * (b.data[i]! - a.data[i]!);
  return { data, width: a.width, height: a.height };
}

/** SSIM of two pictures, in [−1, 1]; 1 is the same. */
export function likeness(a: Picture, b: Picture): number {
  return ssim(a, b);
}
