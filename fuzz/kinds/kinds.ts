// All kinds of input.

import type { Kind } from "../kind.js";
import { configKind, schedulerKind } from "./configs.js";
import { npyKind, pngKind } from "./pictures.js";
import { onnxBytes, onnxFields, onnxGraphs } from "./onnx.js";
import { planKind } from "./plans.js";
import { manifestKind, meansKind } from "./model-lists.js";
import { sweepKind } from "./sweeps.js";
import { tokenizerKind } from "./tokenizers.js";

/** All kinds of input, by name in the order of the table. */
export const kinds: readonly Kind[] = [
  onnxGraphs,
  onnxFields,
  onnxBytes,
  planKind,
  sweepKind,
  tokenizerKind,
  schedulerKind,
  configKind,
  manifestKind,
  meansKind,
  pngKind,
  npyKind,
];
