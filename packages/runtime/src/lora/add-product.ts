// W + s · B A, in place.

import type { LoraLayer } from "./lora-file.js";

/** A layer's matrices, read. */
export interface Product {
  /** `[out, rank]` */
  readonly up: Float32Array;
  /** `[rank, columns]`; the columns are a weight's axes but its first. */
  readonly down: Float32Array;
  readonly rank: number;
}

/** Reads a layer's matrices; a convolution between them goes into `down`. */
export async function readProduct(layer: LoraLayer): Promise<Product> {
  const rank = layer.up.shape[1] ?? 1;
  const up = await layer.up.read();
  const down = await layer.down.read();
  if (!layer.mid) return { up, down, rank };
  // down[i, in, k] = Σ_j mid[i, j, k] · down[j, in] (LyCORIS 3.2, functional/locon.py)
  const mid = await layer.mid.read();
  const inner = layer.mid.shape[1]!;
  const kernel = mid.length / (rank * inner);
  const ins = down.length / inner;
  const joined = new Float32Array(rank * ins * kernel);
  for (let i = 0; i < rank; i++)
    for (let j = 0; j < inner; j++)
      for (let channel = 0; channel < ins; channel++)
        for (let k = 0; k < kernel; k++)
          joined[(i * ins + channel) * kernel + k]! +=
            mid[(i * inner + j) * kernel + k]! * down[j * ins + channel]!;
  return { up, down: joined, rank };
}

/**
 * Adds a product to a weight.
 * @param weight `[out, columns]`, or `[columns, out]` where it is transposed
 */
export function addProduct(
  weight: Float32Array,
  { up, down, rank }: Product,
  scale: number,
  isTransposed: boolean,
): void {
  const outs = up.length / rank;
  const columns = down.length / rank;
  const row = new Float32Array(columns);
  for (let out = 0; out < outs; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * up[out * rank + r]!;
      for (let i = 0; i < columns; i++)
        row[i]! += factor * down[r * columns + i]!;
    }
    const [start, stride] = isTransposed ? [out, outs] : [out * columns, 1];
    for (let i = 0; i < columns; i++) weight[start + i * stride]! += row[i]!;
  }
}
