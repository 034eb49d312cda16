// The shift of flow matching's sigmas towards noise.
//
//   Esser et al. 2024 (arXiv 2403.03206), equation 23     here
//   t_n, t_m                                              sigma, the result
//   √(m/n)                                                shift

/**
 * A shifted sigma.
 *
 * @param sigma in [0, 1]
 * @param shift above 0; 1 changes nothing
 * @returns a number in [0, 1]
 */
export function shifted(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}
