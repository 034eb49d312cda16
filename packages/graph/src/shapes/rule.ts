// What a shape rule is, and the broadcasting that most of them share.

import type { GraphNode } from "../graph.js";
import { intsAttribute } from "../graph.js";
import type { ElementType } from "../onnx/types.js";

/** What is known of a value before anything runs. */
export interface ValueInfo {
  /** The type of its elements. */
  readonly type: ElementType;
  /** Sizes of its axes, outermost first; `[]` for a scalar. */
  readonly dims: readonly number[];
  /** Its elements, row-major, where they follow from shapes and constants alone; booleans as 0 and 1. */
  readonly data?: readonly number[];
}

/**
 * What an operator's outputs look like, given its inputs; left-out inputs are undefined.
 * @throws {Error} If the inputs do not fit together
 */
export type ShapeRule = (
  node: GraphNode,
  inputs: readonly (ValueInfo | undefined)[],
  opset: number,
) => ValueInfo[];

/** Values of more elements than this are not followed through the graph. */
export const dataLimit = 4096;

/** The input at a slot. */
export function required(
  inputs: readonly (ValueInfo | undefined)[],
  slot: number,
): ValueInfo {
  const input = inputs[slot];
  if (!input) throw new Error(`input ${slot} is missing`);
  return input;
}

/** A shape that nothing here tells: an operator without a rule, or values that only a run would give. */
export class UnknownShapeError extends Error {}

/**
 * The elements of an input that a shape depends on.
 * @throws {UnknownShapeError} If they do not follow from shapes alone
 */
export function knownData(
  inputs: readonly (ValueInfo | undefined)[],
  slot: number,
): readonly number[] {
  const { data } = required(inputs, slot);
  if (!data)
    throw new UnknownShapeError(
      `the values of input ${slot} are not known before it runs`,
    );
  return data;
}

/** An axis counted from the end where it is negative. */
export function positiveAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive > rank)
    throw new Error(`axis ${axis} of rank ${rank}`);
  return positive;
}

/** The shape that shapes broadcast to, as NumPy does it. */
export function broadcast(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1) continue;
      if (size !== 1 && size !== dim)
        throw new Error(
          `shapes ${shapes.map((s) => `[${s}]`).join(" and ")} do not broadcast`,
        );
      size = dim;
    }
    return size;
  });
}

/** Steps between neighbours on each axis of a row-major array. */
export function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length);
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    result[axis] = step;
    step *= dims[axis]!;
  }
  return result;
}

/** The elements of `data`, shaped `from`, broadcast to `to`. */
export function broadcastData(
  data: readonly number[],
  from: readonly number[],
  to: readonly number[],
): number[] {
  if (`${from}` === `${to}`) return [...data];
  const offset = to.length - from.length;
  const steps = strides(from).map((step, axis) =>
    from[axis] === 1 ? 0 : step,
  );
  return indices(to).map(
    (index) =>
      data[
        steps.reduce((at, step, axis) => at + step * index[axis + offset]!, 0)
      ]!,
  );
}

/** All index tuples of a shape in row-major order. */
export function indices(dims: readonly number[]): number[][] {
  // a long axis before an empty one would be gone through in vain
  if (dims.includes(0)) return [];
  let tuples: number[][] = [[]];
  for (const dim of dims) {
    tuples = tuples.flatMap((tuple) =>
      Array.from({ length: dim }, (_, i) => [...tuple, i]),
    );
  }
  return tuples;
}

/** Axes come as an attribute before operator set 13, as an input since. */
export function axesOf(
  node: Parameters<ShapeRule>[0],
  inputs: Parameters<ShapeRule>[1],
  slot: number,
) {
  return (
    intsAttribute(node, "axes") ??
    (inputs[slot] ? knownData(inputs, slot) : undefined)
  );
}
