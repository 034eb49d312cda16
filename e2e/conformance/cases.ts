// All cases, in the order of the table.
import type { ConformanceCase } from "./case.js";
import { drawingCases } from "./drawing-cases.js";

/** Everything that has to work in every engine. */
export const cases: readonly ConformanceCase[] = [...drawingCases];
