// Two contexts' outputs as one.

/** How far guidance's output is scaled back. */
export interface Rescale {
  /** From 0, not at all, to 1. */
  readonly weight: number;
  /** Samples that the outputs hold, one after the other. */
  readonly rows: number;
}

/**
 * Classifier-free guidance: `uncond + s·(cond − uncond)`; of three contexts
 * `uncond + s·(cond − image) + t·(image − uncond)` (arXiv 2211.09800, section 3.2.1).
 *
 * @param outputs of `cond`, and where they run of `image` and `uncond`
 * @param scale the weight s; undefined where `cond` is taken as it is
 * @param imageScale the weight t
 */
export function guided(
  outputs: readonly Float32Array<ArrayBuffer>[],
  scale: number | undefined,
  rescale?: Rescale,
  imageScale = 1,
): Float32Array<ArrayBuffer> {
  const [cond, ...others] = outputs;
  const uncond = others.at(-1);
  if (!uncond || scale === undefined) return cond!;
  const [image] = outputs.length === 3 ? others : [];
  const { fround } = Math;
  const mixed = cond!.map((value, i) => {
    const toText = scale * fround(value - (image ?? uncond)[i]!);
    const sum = fround(uncond[i]! + fround(toText));
    return image
      ? sum + fround(imageScale * fround(image[i]! - uncond[i]!))
      : sum;
  });
  return rescale?.weight ? rescaled(mixed, cond!, rescale) : mixed;
}

/**
 * A share of each sample scaled to the standard deviation that `cond` has (arXiv 2305.08891, section 3.4); follows
 * rescale_noise_cfg of diffusers 0.42.1, pipelines/stable_diffusion/pipeline_stable_diffusion.py.
 */
function rescaled(
  mixed: Float32Array<ArrayBuffer>,
  cond: Float32Array,
  { weight, rows }: Rescale,
): Float32Array<ArrayBuffer> {
  const length = mixed.length / rows;
  const factors = Array.from({ length: rows }, (_, row) => {
    const [from, to] = [row * length, (row + 1) * length];
    const ratio =
      deviation(cond.subarray(from, to)) / deviation(mixed.subarray(from, to));
    return weight * ratio + (1 - weight);
  });
  return mixed.map((value, i) => value * factors[Math.floor(i / length)]!);
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
