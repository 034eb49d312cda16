// What a model's values and weights take while ONNX Runtime runs it on the CPU: it frees a value after its last reader,
// writes in place where a reader is the last one and as large, and hands on what only changes its shape.

import type { Graph, GraphNode, Weight } from "../graph.js";
import { elementCount } from "../onnx/tensor.js";
import { elementSize } from "../onnx/types.js";
import { heldType } from "../onnx/widen.js";
import type { ValueInfo } from "../shapes/rule.js";
import type { AttentionRows } from "./attention-rows.js";
import type { HalfWeights } from "./write-weights.js";
import { staysHalf } from "./write-weights.js";

/** How a device holds floats. */
export interface HeldFloats {
  /** Whether it computes in float16. */
  readonly hasHalf: boolean;
  /** What becomes of large float16 weights where it does not. */
  readonly half: HalfWeights;
}

/** Nodes that run one after the other in one session. */
export interface RunningNodes {
  /** In running order. */
  readonly nodes: readonly GraphNode[];
  /** Values that are fed, and stay until the end. */
  readonly inputs: readonly string[];
  /** Values that are fetched, and stay until the end. */
  readonly outputs: readonly string[];
  /** Attention that is computed by rows. @default none */
  readonly attention?: readonly AttentionRows[];
}

const handsOn = new Set(
  "Reshape Squeeze Unsqueeze Flatten Identity Dropout".split(" "),
);
const worksInPlace = new Set(
  "Add Sub Mul Div Pow Sqrt Sigmoid Erf Relu Gelu Tanh Neg Exp Log Clip Softmax Cast Where".split(
    " ",
  ),
);

/** Bytes that weights take in a session. */
export function heldWeightBytes(
  { weights }: Pick<Graph, "weights">,
  names: Iterable<string>,
  { hasHalf, half }: HeldFloats,
): number {
  let sum = 0;
  for (const name of names) {
    const weight = weights.get(name)!;
    sum += staysHalf(weight, !hasHalf, half)
      ? weight.byteLength
      : widenedBytes(weight, hasHalf);
  }
  return sum;
}

/** The most bytes that a run's values take at once, widened weights among them. */
export function runningBytes(
  { weights }: Pick<Graph, "weights">,
  shapes: ReadonlyMap<string, ValueInfo>,
  { nodes, inputs, outputs, attention = [] }: RunningNodes,
  { hasHalf, half }: HeldFloats,
): number {
  const left = readersLeft(nodes);
  const stays = new Set([...inputs, ...outputs]);
  const share = rowShares(attention);
  const bytesOf = (value: string) => {
    const info = shapes.get(value);
    if (!info) return 0;
    const size = elementSize(heldType(info.type, hasHalf)) ?? 4;
    return elementCount(info.dims) * size * (share.get(value) ?? 1);
  };
  /** By value: the memory that it lies in, which a view shares. */
  const lies = new Map<string, { readonly bytes: number; holders: number }>();
  let sum = 0;
  let most = 0;
  const put = (value: string, bytes: number) => {
    lies.set(value, { bytes, holders: 1 });
    sum += bytes;
  };
  const drop = (value: string) => {
    const memory = lies.get(value);
    lies.delete(value);
    if (memory && --memory.holders === 0) sum -= memory.bytes;
  };
  for (const value of inputs) put(value, bytesOf(value));
  for (const node of nodes) {
    const read = new Set([...node.inputs, ...node.captured]);
    const ends = (value: string) =>
      lies.has(value) && left.get(value) === 1 && !stays.has(value);
    let widened = 0;
    for (const name of read) {
      const weight = weights.get(name);
      if (weight && staysHalf(weight, !hasHalf, half))
        widened += widenedBytes(weight, hasHalf);
    }
    for (const output of node.outputs) {
      if (output === "") continue;
      const bytes = bytesOf(output);
      const from = [...read].find((value) => {
        const memory = lies.get(value);
        if (!memory) return false;
        if (handsOn.has(node.opType)) return value === node.inputs[0];
        const isFree = ends(value) && memory.holders === 1;
        return (
          worksInPlace.has(node.opType) && isFree && memory.bytes === bytes
        );
      });
      if (from === undefined) put(output, bytes);
      else {
        const memory = lies.get(from)!;
        memory.holders++;
        lies.set(output, memory);
      }
    }
    most = Math.max(most, sum + widened);
    for (const value of read) {
      const count = (left.get(value) ?? 0) - 1;
      left.set(value, count);
      if (count === 0 && !stays.has(value)) drop(value);
    }
    for (const output of node.outputs)
      if (!left.has(output) && !stays.has(output)) drop(output);
  }
  return most;
}

function widenedBytes({ type, dims, byteLength }: Weight, hasHalf: boolean) {
  const held = heldType(type, hasHalf);
  return held === type ? byteLength : elementCount(dims) * elementSize(held)!;
}

/** By value: nodes that read it. */
function readersLeft(nodes: readonly GraphNode[]): Map<string, number> {
  const left = new Map<string, number>();
  for (const { inputs, captured } of nodes)
    for (const value of new Set([...inputs, ...captured]))
      left.set(value, (left.get(value) ?? 0) + 1);
  return left;
}

/** By value: which part of it is there at once, where attention is computed by rows; the joined result is there twice. */
function rowShares(attention: readonly AttentionRows[]): Map<string, number> {
  const share = new Map<string, number>();
  for (const { nodes, tokens, rows } of attention) {
    for (const { outputs } of nodes)
      for (const value of outputs) share.set(value, rows / tokens);
    for (const value of nodes.at(-1)!.outputs) share.set(value, 2);
  }
  return share;
}
