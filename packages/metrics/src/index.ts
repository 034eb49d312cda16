// Image distances, statistics and latency summaries.

export type { Picture } from "./picture/picture.js";
export {
  lowPassSsim,
  ssim,
  type LowPassSsimOptions,
  type SsimOptions,
} from "./picture/ssim.js";
export { msSsim, type MsSsim } from "./picture/ms-ssim.js";
export { meanAbsoluteError, psnr } from "./picture/pixel-error.js";
export { clippedShare, relativeL2 } from "./picture/sample-error.js";

export { frechetDistance } from "./features/frechet-distance.js";
export { kernelDistance } from "./features/kernel-distance.js";
export type { Features } from "./features/features.js";

export { mean, median, quantile } from "./statistics/quantile.js";
export {
  bootstrapMedianRatio,
  hierarchicalBootstrap,
  pairedBootstrap,
  type BootstrapOptions,
  type DifferenceEstimate,
  type Estimate,
  type HierarchicalBootstrapOptions,
} from "./statistics/bootstrap.js";
export { spearman } from "./statistics/spearman.js";
export { holm } from "./statistics/holm.js";
export { seededRandom } from "./statistics/random.js";

export { summarizeLatency, type LatencySummary } from "./statistics/latency.js";
