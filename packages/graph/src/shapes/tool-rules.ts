// Shape rules of the operators that optimizers and quantizers write. A file of its own in an app, fetched for graphs that
// have such.

import { fusedRules } from "./fused.js";
import { microsoftQuantizedRules, quantizedRules } from "./quantized.js";
import type { ShapeRule } from "./rule.js";

/** Rules by operator set, then by operator: other operators of another set share a name at most. */
export const toolRules: Readonly<
  Record<string, Readonly<Record<string, ShapeRule>>>
> = {
  "": quantizedRules,
  "com.microsoft": { ...fusedRules, ...microsoftQuantizedRules },
};
