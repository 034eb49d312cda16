// Finds attention that can be computed by rows: in softmax(Q Kᵀ / √d) V each row of Q makes its own row of the
// result, so the scores, tokens × tokens for every head, need never be there all at once.
//
// Found by what nodes do, whoever wrote them: from a matrix product, over nodes that keep rows apart, to one more
// matrix product. Or as one node, where a tool has fused them.

import type { GraphNode } from "../graph.js";
import { intAttribute } from "../graph.js";
import { elementCount } from "../onnx/tensor.js";
import type { Unet } from "../unet.js";

/** Attention that a segment computes by rows of its queries. */
export interface AttentionRows {
  /**
   * From the node that reads the queries, as its first input, to the one that makes the output, in running order; a
   * single one where a tool has fused them. Rows are the last axis but one of both.
   */
  readonly nodes: readonly GraphNode[];
  /** Rows of the queries: tokens. */
  readonly tokens: number;
  /** Rows at a time; the last time it may be fewer. */
  readonly rows: number;
}

/** Fewer rows than this at a time cost more than their memory is worth. */
const fewestRows = 64;
/** Nodes between two products, at most: a bound for the walk. */
const mostNodes = 16;
/** What keeps rows apart where its other inputs are the same for all of them. */
const keepsRows: ReadonlySet<string> = new Set(
  "Add And Cast Clip Div Equal Identity IsInf IsNaN Max Min Mul Not Or Softmax Sub Where".split(
    " ",
  ),
);

/**
 * The attention of a segment that is to be computed by rows.
 *
 * @param nodes the segment's nodes
 * @param isHandedOn whether a value is wanted outside the segment, or replaced inside it
 * @param maxScores elements of one attention's scores at once, over all batches and heads
 */
export function attentionByRows(
  unet: Unet,
  nodes: readonly GraphNode[],
  isHandedOn: (value: string) => boolean,
  maxScores: number,
): AttentionRows[] {
  if (maxScores === Infinity) return [];
  const inside = new Set(nodes);
  return nodes.flatMap((node) => {
    const scores = scoreDims(unet, node);
    const tokens = scores?.at(-2);
    if (!scores || !tokens) return [];
    const rows = rowsAtOnce(tokens, elementCount(scores), maxScores);
    if (rows >= tokens) return [];
    const found = isFused(node)
      ? [node]
      : nodesBetweenProducts(unet, node, inside, isHandedOn);
    return found ? [{ nodes: found, tokens, rows }] : [];
  });
}

/** Values that are never there whole, as attention by rows makes them. */
export function valuesByRows(unet: Unet, maxScores: number): Set<string> {
  const { nodes } = unet.graph;
  const attention = attentionByRows(unet, nodes, () => false, maxScores);
  return new Set(
    attention.flatMap((one) =>
      one.nodes.slice(0, -1).flatMap((node) => node.outputs),
    ),
  );
}

/** A power of two, so that few sizes leave a small rest. */
function rowsAtOnce(tokens: number, scores: number, maxScores: number): number {
  if (scores <= maxScores) return tokens;
  const most = (tokens * maxScores) / scores;
  return Math.max(fewestRows, 2 ** Math.floor(Math.log2(most)));
}

/** Sizes of the scores that a node makes or holds, if it may begin an attention: [..., tokens, keys]. */
function scoreDims(unet: Unet, node: GraphNode): readonly number[] | undefined {
  const dims = (slot: number) => unet.shapes.get(node.inputs[slot] ?? "")?.dims;
  if (isProduct(node)) {
    const scores = unet.shapes.get(node.outputs[0]!)?.dims;
    return dims(0)?.at(-2) === scores?.at(-2) ? scores : undefined;
  }
  if (!isFused(node)) return undefined;
  const [query, key] = [dims(0), dims(1)];
  if (!query || query.length !== key?.length) return undefined;
  const isFlat = query.length === 3;
  const heads = isFlat ? headsOf(node) : query[1]!;
  return [query[0]!, heads, query.at(-2)!, key.at(-2)!];
}

function isProduct({ opType, domain, inputs }: GraphNode): boolean {
  return opType === "MatMul" && domain === "" && inputs.length === 2;
}

/** Fused attention of queries, keys and values, with nothing beside that differs by row. */
function isFused(node: GraphNode): boolean {
  const { opType, domain, inputs, outputs } = node;
  if (inputs.slice(0, 3).filter((value) => value !== "").length < 3)
    return false;
  const hasOne = (values: readonly string[]) =>
    values.some((value) => value !== "");
  if (hasOne(outputs.slice(1))) return false;
  if (domain === "com.microsoft" && opType === "MultiHeadAttention")
    // bias and a mask of keys are the same for all rows
    return !hasOne(inputs.slice(5)) && !intAttribute(node, "unidirectional", 0);
  return (
    domain === "" &&
    opType === "Attention" &&
    !hasOne(inputs.slice(3)) &&
    !intAttribute(node, "is_causal", 0)
  );
}

function headsOf(node: GraphNode): number {
  return intAttribute(
    node,
    node.domain === "" ? "q_num_heads" : "num_heads",
    1,
  );
}

/** The nodes from one product to the next; undefined where rows meet in between, or something else reads in. */
function nodesBetweenProducts(
  unet: Unet,
  first: GraphNode,
  inside: ReadonlySet<GraphNode>,
  isHandedOn: (value: string) => boolean,
): GraphNode[] | undefined {
  const made = new Set(first.outputs);
  const between = new Set<GraphNode>();
  let last: GraphNode | undefined;
  for (const value of made) {
    if (isHandedOn(value) || between.size > mostNodes) return undefined;
    for (const node of unet.graph.consumers.get(value) ?? []) {
      if (!inside.has(node) || node.captured.includes(value)) return undefined;
      if (keepsRows.has(node.opType) && node.domain === "") {
        between.add(node);
        for (const output of node.outputs) made.add(output);
      } else if (isProduct(node) && node.inputs[0] === value) {
        if (last && last !== node) return undefined;
        last = node;
      } else return undefined;
    }
  }
  const isRowWise = [...between].every((node) => staysInRow(unet, node, made));
  const hasSoftmax = [...between].some(({ opType }) => opType === "Softmax");
  if (!last || made.has(last.inputs[1]!) || !isRowWise || !hasSoftmax)
    return undefined;
  return [first, ...between, last].sort((a, b) => a.index - b.index);
}

/** Whether a node treats every row alike: its other inputs have no rows of their own. */
function staysInRow(
  { shapes }: Unet,
  node: GraphNode,
  made: ReadonlySet<string>,
): boolean {
  if (node.opType === "Softmax") {
    const rank = shapes.get(node.inputs[0]!)?.dims.length;
    const axis = intAttribute(node, "axis", -1);
    return axis === -1 || axis === (rank ?? 0) - 1;
  }
  return node.inputs.every((value) => {
    if (value === "" || made.has(value)) return true;
    const dims = shapes.get(value)?.dims;
    return dims !== undefined && (dims.at(-2) ?? 1) === 1;
  });
}
