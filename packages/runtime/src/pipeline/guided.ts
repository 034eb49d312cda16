// Two contexts' outputs as one.

/**
 * Classifier-free guidance: `uncond + s·(cond − uncond)`.
 *
 * @param outputs of `cond`, and of `uncond` where it runs
 * @param scale the weight s; undefined where `cond` is taken as it is
 */
export function guided(
  [cond, uncond]: readonly Float32Array<ArrayBuffer>[],
  scale: number | undefined,
): Float32Array<ArrayBuffer> {
  if (!uncond || scale === undefined) return cond!;
  return cond!.map(
    (value, i) =>
      uncond[i]! + Math.fround(scale * Math.fround(value - uncond[i]!)),
  );
}
