// Two contexts' outputs as one.

/** How far guidance's output is scaled back. */
export interface Rescale {
  /** From 0, not at all, to 1. */
  readonly weight: number;
  /** Samples that the outputs hold, one after the other. */
  readonly rows: number;
}

/**
 * Classifier-free guidance: `uncond + s·(cond − uncond)`.
 *
 * @param outputs of `cond`, and of `uncond` where it runs
 * @param scale the weight s; undefined where `cond` is taken as it is
 */
export function guided(
  [cond, uncond]: readonly Float32Array<ArrayBuffer>[],
  scale: number | undefined,
  rescale?: Rescale,
): Float32Array<ArrayBuffer> {
  if (!uncond || scale === undefined) return cond!;
  const mixed = cond!.map(
    (value, i) =>
      uncond[i]! + Math.fround(scale * Math.fround(value - uncond[i]!)),
  );
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
