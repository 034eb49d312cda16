// A picture to start from: a file of the visitor's, or one that was drawn here, cut to the size that a model wants.

import type { Picture } from "phaseskip";

/** Longer sides are scaled down: no model here reads more. */
const longest = 2048;

/** Reads a file. @throws {Error} If it is no picture that the browser knows */
export async function fromFile(file: File): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(file).catch((cause: unknown) => {
    const message = `Cannot read ${file.name} as the browser knows no such picture: choose a PNG or a JPEG`;
    throw new Error(message, { cause });
  });
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const [canvas, context] = blank(bitmap.width * scale, bitmap.height * scale);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Takes a picture that was drawn. */
export function fromPicture({
  data,
  width,
  height,
}: Picture): HTMLCanvasElement {
  const [canvas, context] = blank(width, height);
  context.putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** The middle of a picture at a size, as much of it as there is room for. */
export function cutTo(
  from: HTMLCanvasElement,
  width: number,
  height: number,
): HTMLCanvasElement {
  const [canvas, context] = blank(width, height);
  const scale = Math.max(width / from.width, height / from.height);
  const [w, h] = [width / scale, height / scale];
  const [x, y] = [(from.width - w) / 2, (from.height - h) / 2];
  context.imageSmoothingQuality = "high";
  context.drawImage(from, x, y, w, h, 0, 0, width, height);
  return canvas;
}

/** A picture's pixels. */
export function pixels(canvas: HTMLCanvasElement): ImageData {
  const { width, height } = canvas;
  return canvas.getContext("2d")!.getImageData(0, 0, width, height);
}

function blank(
  width: number,
  height: number,
): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })!];
}
