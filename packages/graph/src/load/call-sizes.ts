// How many nodes the calls of local functions come to, counted before the first one is written out.

import { PhaseskipError } from "../errors.js";
import type { FunctionProto, NodeProto } from "../onnx/onnx_pb.js";

/** Functions that may call one another in a row. */
const deepestCalls = 100;
/** Nodes that calls may come to: several times those of the largest Unets. */
const mostNodes = 2 ** 15;

/**
 * Checks that calls of local functions end, and come to a graph that can be held.
 *
 * @param nodes the graph's
 * @param calleeOf the local function that a node calls
 * @throws {PhaseskipError} `model-invalid` if a function calls itself, calls lie too deep, or come to too many nodes
 */
export function checkCalls(
  nodes: readonly NodeProto[],
  calleeOf: (node: NodeProto) => FunctionProto | undefined,
): void {
  const known = new Map<FunctionProto, number>();
  const around = new Set<FunctionProto>();

  function nodesOf(callee: FunctionProto): number {
    const { name } = callee;
    const before = known.get(callee);
    if (before !== undefined) return before;
    if (around.has(callee)) throw invalid(`${name} must not call itself`);
    if (around.size >= deepestCalls)
      throw invalid(
        `${name} must be called from at most ${deepestCalls} others in a row`,
      );
    around.add(callee);
    const count = callee.node.length + added(callee.node);
    around.delete(callee);
    known.set(callee, count);
    return count;
  }

  /** Nodes that calls among these bring in, those in bodies counted. */
  function added(among: readonly NodeProto[]): number {
    let count = 0;
    for (const node of among) {
      const callee = calleeOf(node);
      if (callee) count += nodesOf(callee);
      for (const { g, graphs } of node.attribute)
        for (const body of g ? [g] : graphs)
          count += body.node.length + added(body.node);
    }
    return count;
  }

  let count = 0;
  for (const node of nodes) {
    count += added([node]);
    if (count > mostNodes)
      throw invalid(
        `${calleeOf(node)?.name ?? node.op_type}, written out at every call, must come to at most ${mostNodes} nodes: current value is ${count}`,
      );
  }
}

function invalid(why: string): PhaseskipError {
  return new PhaseskipError(
    "model-invalid",
    `Cannot use the model as its function ${why}`,
  );
}
