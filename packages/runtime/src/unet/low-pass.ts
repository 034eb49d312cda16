// The filter of FreeU (Si et al., arXiv 2309.11497; `fourier_filter` in diffusers' utils/torch_utils.py), written as
// products with constant matrices: transform, keep a box of frequencies, transform back.
//
// diffusers                         here
// threshold                         radius
// mask[c − threshold : c + threshold]
// around c, the zero frequency      frequencies f with −radius <= f < radius

/**
 * One axis of the filter, a complex matrix `A[m][n] = 1/size · Σ exp(2πi·f·(m − n)/size)`. A box that reaches beyond the
 * axis's frequencies keeps all of them.
 *
 * @param size of the axis
 * @param radius of the box, in bins
 * @param isRow whether the matrix multiplies from the left; else it is transposed
 * @returns real and imaginary part, `[size, size]`, row-major
 */
export function lowPassMatrix(
  size: number,
  radius: number,
  isRow: boolean,
): { re: Float32Array; im: Float32Array } {
  const lowest = Math.max(-radius, -Math.floor(size / 2));
  const end = Math.min(radius, Math.ceil(size / 2));
  const re = new Float32Array(size * size);
  const im = new Float32Array(size * size);
  for (let m = 0; m < size; m++) {
    for (let n = 0; n < size; n++) {
      const at = isRow ? m * size + n : n * size + m;
      let [real, imaginary] = [0, 0];
      for (let f = lowest; f < end; f++) {
        const angle = (2 * Math.PI * f * (m - n)) / size;
        real += Math.cos(angle) / size;
        imaginary += Math.sin(angle) / size;
      }
      re[at] = real;
      im[at] = imaginary;
    }
  }
  return { re, im };
}
