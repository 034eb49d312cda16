// How a network's weights are held on a device: whether float16 stays as it is where nothing computes in it, and how
// much of them one session may have.

import type { Graph, HalfWeights } from "@phaseskip/graph";
import { ElementType, heldType } from "@phaseskip/graph";
import type { Device } from "../device/session.js";

/** How a network's weights are held. */
export interface WeightHolding {
  /** What becomes of large float16 weights on a device that computes in float32. */
  readonly half: HalfWeights;
  /** Weights of one session at most, in bytes of the model's files; a single node may exceed it. */
  readonly maxSegmentBytes: number;
}

/** Every weight as the device computes with it, in as few sessions as the plan allows: the fastest. */
export const wholeHolding: WeightHolding = {
  half: "widened",
  maxSegmentBytes: Infinity,
};

/** Weights that take no more than this on their device are held as it computes with them. */
const small = 2 ** 28;
/** Of larger networks, what a session has: it is laid out once beside the device's memory, and dropped. */
const sessionBytes = 2 ** 27;

/**
 * Chooses how a network's weights are held: those of a small one for speed, of others for memory.
 * @param graph the network
 */
export function weightHolding(
  { kind, hasHalf }: Pick<Device, "kind" | "hasHalf">,
  { weights }: Pick<Graph, "weights">,
): WeightHolding {
  let [held, halves] = [0, 0];
  for (const { type, byteLength } of weights.values()) {
    const isWidened = heldType(type, hasHalf) !== type;
    held += isWidened ? 2 * byteLength : byteLength;
    if (isWidened && type === ElementType.FLOAT16) halves += byteLength;
  }
  if (kind === "node" || held <= small) return wholeHolding;
  // a GPU that lacks float16 cannot widen it either
  const half = kind === "wasm" && halves > 0 ? "kept" : "widened";
  return { half, maxSegmentBytes: sessionBytes };
}
