// A picture taken through a network tile by tile, as the network's memory grows with what it is given: half of a VAE.
//
// Tiles overlap by a quarter. A tile's first rows and columns fade from those of the tile before, and of every tile the
// last quarter is left to the next; so a tile of the result is three quarters of what was made. The norms of a VAE see
// each tile alone, so the result is not the whole picture's: as in diffusers 0.42.1, autoencoder_kl.py (`tiled_decode`,
// `_tiled_encode`).

import type { ImageArray } from "../picture/picture.js";

/** What tiles overlap by. */
const overlap = 0.25;

/** Sides of square tiles, in pixels of their own side of the network. */
export interface TileSides {
  /** Of what the network reads. */
  readonly from: number;
  /** Of what it makes of that. */
  readonly to: number;
}

/**
 * Runs a network on overlapping tiles and joins what it makes.
 *
 * @param whole `[channel, height, width]`
 * @param run the network: its result has the same proportions
 */
export async function inTiles(
  whole: ImageArray,
  { from, to }: TileSides,
  run: (tile: ImageArray) => Promise<ImageArray>,
): Promise<ImageArray> {
  const stride = Math.trunc(from * (1 - overlap));
  const blend = Math.trunc(to * overlap);
  const kept = to - blend;
  const starts = (side: number) =>
    Array.from({ length: Math.ceil(side / stride) }, (_, i) => i * stride);
  const size = (side: number) => Math.round((side * to) / from);
  const [height, width] = [size(whole.height), size(whole.width)];
  let result: Float32Array<ArrayBuffer> | undefined;
  let above: ImageArray[] = [];
  for (const [i, top] of starts(whole.height).entries()) {
    const row: ImageArray[] = [];
    for (const [j, left] of starts(whole.width).entries()) {
      const tile = await run(cut(whole, top, left, from));
      if (i > 0) fade(above[j]!, tile, blend, "height");
      if (j > 0) fade(row[j - 1]!, tile, blend, "width");
      row.push(tile);
      const channels = channelCount(tile);
      result ??= new Float32Array(channels * height * width);
      const joined = { data: result, height, width };
      place(tile, joined, i * kept, j * kept, kept);
    }
    above = row;
  }
  return { data: result!, height, width };
}

function channelCount({ data, height, width }: ImageArray): number {
  return data.length / (height * width);
}

/** A square of a picture, less where the picture ends. */
function cut(
  whole: ImageArray,
  top: number,
  left: number,
  side: number,
): ImageArray {
  const height = Math.min(side, whole.height - top);
  const width = Math.min(side, whole.width - left);
  const channels = channelCount(whole);
  const data = new Float32Array(channels * height * width);
  for (let row = 0; row < channels * height; row++) {
    const channel = Math.floor(row / height);
    const from =
      (channel * whole.height + top + (row % height)) * whole.width + left;
    data.set(whole.data.subarray(from, from + width), row * width);
  }
  return { data, height, width };
}

/** Fades a tile's first rows, or columns, from the last of the tile before it; in place. */
function fade(
  before: ImageArray,
  tile: ImageArray,
  most: number,
  along: "height" | "width",
): void {
  const count = Math.min(before[along], tile[along], most);
  const isDown = along === "height";
  const across = isDown ? tile.width : tile.height;
  for (let channel = 0; channel < channelCount(tile); channel++) {
    const at = (of: ImageArray, i: number, k: number) =>
      isDown
        ? (channel * of.height + i) * of.width + k
        : (channel * of.height + k) * of.width + i;
    for (let i = 0; i < count; i++) {
      const share = i / count;
      const from = before[along] - count + i;
      for (let k = 0; k < across; k++) {
        const to = at(tile, i, k);
        tile.data[to] =
          before.data[at(before, from, k)]! * (1 - share) +
          tile.data[to]! * share;
      }
    }
  }
}

/** Puts a tile's first rows and columns where they belong. */
function place(
  tile: ImageArray,
  whole: ImageArray,
  top: number,
  left: number,
  side: number,
): void {
  const height = Math.min(side, tile.height, whole.height - top);
  const width = Math.min(side, tile.width, whole.width - left);
  for (let channel = 0; channel < channelCount(tile); channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * tile.height + y) * tile.width;
      const to = (channel * whole.height + top + y) * whole.width + left;
      whole.data.set(tile.data.subarray(from, from + width), to);
    }
  }
}
