// Arranges pictures on one sheet. Only pixels: files are png.ts.

import type { Picture } from "@phaseskip/metrics";

/** How {@link grid} lays out. */
export interface GridOptions {
  /**
   * Pixels between two pictures; none around the sheet.
   * @default 2
   */
  readonly gap?: number;
  /**
   * Red, green, blue, alpha in `[0, 255]` of the gaps and of cells without a picture.
   * @default [255, 255, 255, 255]
   */
  readonly background?: readonly [number, number, number, number];
}

/**
 * Puts rows of pictures onto one picture. Rows may differ in length.
 * @param rows at least one picture; all of one size
 * @throws {RangeError} If there is no picture, their sizes differ, or `gap` is no integer of at least 0.
 */
export function grid(
  rows: readonly (readonly Picture[])[],
  options: GridOptions = {},
): Picture {
  const { gap = 2, background = [255, 255, 255, 255] } = options;
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const first = rows.flat()[0];
  if (first === undefined) {
    throw new RangeError(
      "Cannot make a grid as it must hold at least one picture: current number is 0",
    );
  }
  checkInteger("make a grid", "gap", gap, 0);
  const cellWidth = first.width + gap;
  const cellHeight = first.height + gap;
  const width = columns * cellWidth - gap;
  const height = rows.length * cellHeight - gap;
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < data.length; i += 4) data.set(background, i);
  rows.forEach((row, y) =>
    row.forEach((picture, x) => {
      if (picture.width !== first.width || picture.height !== first.height) {
        throw new RangeError(
          `Cannot make a grid as all pictures must have the same size: current values are ` +
            `${first.width} × ${first.height} and ${picture.width} × ${picture.height}`,
        );
      }
      paste(
        picture,
        data,
        (y * cellHeight * width + x * cellWidth) * 4,
        width * 4,
      );
    }),
  );
  return { data, width, height };
}

/**
 * Cuts a list of pictures into rows for {@link grid}.
 * @param columns pictures in a row, an integer of at least 1; the last row may be shorter
 * @default columns the fewest that make the grid no higher than wide
 * @throws {RangeError} If `columns` is no such integer.
 */
export function intoRows(
  pictures: readonly Picture[],
  columns = Math.max(1, Math.ceil(Math.sqrt(pictures.length))),
): Picture[][] {
  checkInteger("cut pictures into rows", "columns", columns, 1);
  const rows: Picture[][] = [];
  for (let i = 0; i < pictures.length; i += columns)
    rows.push(pictures.slice(i, i + columns));
  return rows;
}

/**
 * Repeats every pixel, so that a small picture stays sharp on a large screen.
 * @param factor an integer of at least 1; 1 gives an equal picture
 * @throws {RangeError} If `factor` is no such integer.
 */
export function upscale(picture: Picture, factor: number): Picture {
  checkInteger("upscale a picture", "factor", factor, 1);
  const width = picture.width * factor;
  const height = picture.height * factor;
  const source = pixels(picture.data);
  const data = new Uint8ClampedArray(width * height * 4);
  const target = pixels(data);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / factor) * picture.width;
    for (let x = 0; x < width; x++) {
      target[y * width + x] = source[row + Math.floor(x / factor)]!;
    }
  }
  return { data, width, height };
}

function paste(
  picture: Picture,
  data: Uint8ClampedArray,
  offset: number,
  stride: number,
): void {
  const rowBytes = picture.width * 4;
  for (let y = 0; y < picture.height; y++) {
    data.set(
      picture.data.subarray(y * rowBytes, (y + 1) * rowBytes),
      offset + y * stride,
    );
  }
}

/** One number for each RGBA pixel; copies where the memory does not allow a view. */
function pixels(data: Uint8ClampedArray): Uint32Array {
  const { buffer, byteOffset, length } = byteAligned(data);
  return new Uint32Array(buffer, byteOffset, length / 4);
}

function byteAligned(data: Uint8ClampedArray): Uint8ClampedArray {
  return data.byteOffset % 4 === 0 ? data : data.slice();
}

function checkInteger(
  attempt: string,
  name: string,
  value: number,
  least: number,
): void {
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(
      `Cannot ${attempt} as ${name} must be an integer of at least ${least}: current value is ${value}`,
    );
  }
}
