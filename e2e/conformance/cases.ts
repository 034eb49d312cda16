// All cases, in the order of the table.
import { cacheCases } from "./cache-cases.js";
import type { ConformanceCase } from "./case.js";
import { drawingCases } from "./drawing-cases.js";
import { embeddingCases } from "./embedding-cases.js";
import { longCases } from "./long-cases.js";
import { mishapCases } from "./mishap-cases.js";
import { lostGpuCases } from "./lost-gpu-cases.js";
import { oddGlobalCases } from "./odd-global-cases.js";
import { oddNetworkCases } from "./odd-network-cases.js";
import { pageCases } from "./page-cases.js";
import { policyCases } from "./policy-cases.js";
import { tabCases } from "./tab-cases.js";

/** Everything that has to work in every engine. */
export const cases: readonly ConformanceCase[] = [
  ...drawingCases,
  ...mishapCases,
  ...cacheCases,
  ...oddNetworkCases,
  ...pageCases,
  ...tabCases,
  ...policyCases,
  ...oddGlobalCases,
  ...embeddingCases,
  ...lostGpuCases,
  ...longCases,
];

/** Those that `npm test` runs, in Chromium. */
export const testedCases = cases.filter(({ isLong = false }) => !isLong);
