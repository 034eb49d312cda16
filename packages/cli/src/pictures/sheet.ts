// Pictures on one sheet, as the command and the demo write them.

import type { Picture } from "@phaseskip/metrics";
import { grid, intoRows } from "./picture-grid.js";

/** Pictures in a row of the sheet at most. */
const COLUMNS = 8;
/** A smaller picture is written with its pixels repeated until it is as high as this. */
const LEAST_HEIGHT = 256;

/**
 * How often a picture's pixels are repeated in both directions, so that it is at least 256 pixels high.
 * @returns an integer of at least 1
 */
export function pictureScale({ height }: Picture): number {
  return Math.ceil(LEAST_HEIGHT / Math.min(height, LEAST_HEIGHT));
}

/**
 * Pictures on one sheet, up to eight in a row; with two lists, each row of the first stands above that of the second.
 * @param scale what the sheet is going to be enlarged by; the gaps are narrower for it
 */
export function sheet(
  images: readonly Picture[],
  full: readonly Picture[] | undefined,
  scale: number,
): Picture {
  const gap = scale > 2 ? 1 : 4;
  if (!full)
    return grid(
      intoRows(images, images.length > COLUMNS ? COLUMNS : undefined),
      { gap },
    );
  const columns = Math.min(COLUMNS, images.length);
  const below = intoRows(images, columns);
  return grid(
    intoRows(full, columns).flatMap((row, i) => [row, below[i]!]),
    { gap },
  );
}
