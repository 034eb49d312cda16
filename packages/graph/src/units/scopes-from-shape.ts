// Module paths for a Unet whose names are gone: its joins are the skips, its resolutions the blocks.

import type { Dependencies } from "../dependencies.js";
import { Dependency } from "../dependencies.js";
import type { Graph, GraphNode } from "../graph.js";
import type { ValueInfo } from "../shapes/rule.js";
import type { Skip } from "./skips.js";

/**
 * Paths as a diffusers Unet would have them, by node index: `conv_in` up to the value of the last skip,
 * `down_blocks.I` by resolution with one `resnets.J` for each skip it hands out, `mid_block` after the
 * deepest skip, `up_blocks.I` by resolution with one `resnets.J` for each skip it takes, and `conv_out`,
 * the last convolution.
 */
export function scopesFromShape(
  graph: Graph,
  shapes: ReadonlyMap<string, ValueInfo>,
  dependencies: Dependencies,
  skips: readonly Omit<Skip, "path">[],
): string[][] {
  const joins = skips.map((skip) => skip.reader.index);
  // the decoder takes skips in the reverse of the order in which the encoder hands them out
  const handed = [
    ...new Set(
      skips.map((skip) => graph.producers.get(skip.value)?.index ?? -1),
    ),
  ].sort((a, b) => a - b);
  const last = { join: latest(graph, joins), handed: latest(graph, handed) };
  const resolution = resolutions(graph, shapes);
  const blocks = {
    down: new Map<number, number[]>(),
    up: new Map<number, number[]>(),
  };
  for (const at of handed.slice(1)) push(blocks.down, resolution.in[at]!, at);
  for (const at of joins) push(blocks.up, resolution.out[at]!, at);
  const convOut = graph.nodes.findLast((node) => node.opType === "Conv")?.index;

  return graph.nodes.map((node) => {
    if (!(dependencies.nodes[node.index]! & Dependency.sample)) return [];
    if (node.index === convOut) return ["conv_out"];
    const join =
      node.opType === "Concat" && joins.includes(node.index)
        ? node.index
        : last.join[node.index]!;
    if (join >= 0) return place("up_blocks", blocks.up, join, node);
    const from = last.handed[node.index]!;
    if (from < 0) return ["conv_in"];
    if (from === handed.at(-1)) return ["mid_block"];
    return place(
      "down_blocks",
      blocks.down,
      handed[handed.indexOf(from) + 1]!,
      node,
    );
  });

  function place(
    name: string,
    parts: Map<number, number[]>,
    part: number,
    node: GraphNode,
  ): string[] {
    const block = [...parts.values()].findIndex((members) =>
      members.includes(part),
    );
    const members = [...parts.values()][block] ?? [];
    const path = `${name}.${Math.max(block, 0)}`;
    const shrinks =
      name === "down_blocks" && resolution.out[part]! < resolution.in[part]!;
    if (joins.includes(node.index)) return [path];
    return [
      path,
      shrinks
        ? `${path}.downsamplers.0`
        : `${path}.resnets.${Math.max(members.indexOf(part), 0)}`,
    ];
  }
}

function push(
  groups: Map<number, number[]>,
  key: number,
  member: number,
): void {
  const group = groups.get(key);
  if (group) group.push(member);
  else groups.set(key, [member]);
}

/** By node index: the last of `marks` (node indices) that the node is made from, itself not counted; or -1. */
function latest(graph: Graph, marks: readonly number[]): number[] {
  const marked = new Set(marks);
  const result: number[] = [];
  for (const node of graph.nodes) {
    let mark = -1;
    for (const value of node.inputs) {
      const producer = graph.producers.get(value);
      if (!producer) continue;
      const reached = marked.has(producer.index)
        ? producer.index
        : result[producer.index]!;
      mark = Math.max(mark, reached);
    }
    result.push(mark);
  }
  return result;
}

/** By node index: pixels of the feature map that the node reads and makes; inherited where it is none. */
function resolutions(graph: Graph, shapes: ReadonlyMap<string, ValueInfo>) {
  const ofInput: number[] = [];
  const ofOutput: number[] = [];
  for (const node of graph.nodes) {
    const read = node.inputs.map((value) => {
      const dims = shapes.get(value)?.dims ?? [];
      const producer = graph.producers.get(value);
      if (producer) return ofOutput[producer.index]!;
      return graph.weights.has(value) || dims.length !== 4
        ? 0
        : dims[2]! * dims[3]!;
    });
    const input = Math.max(0, ...read);
    const dims = shapes.get(node.outputs[0]!)?.dims ?? [];
    const changes = [
      "Conv",
      "ConvTranspose",
      "Resize",
      "Upsample",
      "AveragePool",
      "MaxPool",
    ];
    ofInput.push(input);
    ofOutput.push(
      changes.includes(node.opType) && dims.length === 4
        ? dims[2]! * dims[3]!
        : input,
    );
  }
  return { in: ofInput, out: ofOutput };
}
