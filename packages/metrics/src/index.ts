// Image distances, statistics and latency summaries.

export type { Picture } from "./picture.js";
export {
  lowPassSsim,
  ssim,
  type LowPassSsimOptions,
  type SsimOptions,
} from "./ssim.js";
export { msSsim, type MsSsim } from "./ms-ssim.js";
export { meanAbsoluteError, psnr } from "./pixel-error.js";
export { clippedShare, relativeL2 } from "./sample-error.js";

export { frechetDistance } from "./frechet-distance.js";
export { kernelDistance } from "./kernel-distance.js";
export type { Features } from "./features.js";

export { mean, median, quantile } from "./quantile.js";
export {
  bootstrapMedianRatio,
  hierarchicalBootstrap,
  pairedBootstrap,
  type BootstrapOptions,
  type DifferenceEstimate,
  type Estimate,
  type HierarchicalBootstrapOptions,
} from "./bootstrap.js";
export { spearman } from "./spearman.js";
export { holm } from "./holm.js";
export { seededRandom } from "./random.js";

export { summarizeLatency, type LatencySummary } from "./latency.js";
