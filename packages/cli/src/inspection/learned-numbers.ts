// How many learned numbers a weight holds.

import {
  ElementType,
  elementCount,
  isFloat,
  type Weight,
} from "@phaseskip/graph";

const { INT8, UINT8 } = ElementType;

/**
 * Numbers of a weight that were learned: a scalar is a constant of the formula, and of whole numbers rows are zero
 * points; where two share a byte, they count as one.
 */
export function learnedNumbers({ type, dims, byteLength }: Weight): number {
  if (isFloat(type)) return dims.length > 0 ? elementCount(dims) : 0;
  const isByte = type === INT8 || type === UINT8;
  return isByte && dims.length > 1 ? byteLength : 0;
}
