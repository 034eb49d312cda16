// A graph whose inputs carry other names: a Unet that calls its sample `x` is, under diffusers' name, a Unet like any other.

import { renameCaptured } from "../cut/bodies.js";
import type { Graph, GraphNode, GraphValue } from "../graph.js";
import { clone } from "../onnx/wire.js";

/**
 * The same graph under other names for some of its inputs, and with one of its outputs alone. What else bears a name that
 * is given away gets one that nothing bears.
 *
 * @param graph left as it is
 * @param names the new names of inputs by the old ones
 * @param output the output that is kept. @default the first
 */
export function renameInputs(
  graph: Graph,
  names: ReadonlyMap<string, string>,
  output = graph.outputs[0]?.name,
): Graph {
  const all = withoutClashes(graph, names);
  const rename = (value: string): string => all.get(value) ?? value;
  const renameKeys = <T>(map: ReadonlyMap<string, T>) =>
    new Map([...map].map(([key, of]) => [rename(key), of]));
  const nodes = graph.nodes.map((node): GraphNode => {
    const read = [...node.inputs, ...node.captured, ...node.outputs];
    if (!read.some((value) => all.has(value))) return node;
    const proto = clone(node.proto);
    proto.attribute = proto.attribute.map((one) => renameCaptured(one, all));
    return {
      ...node,
      inputs: node.inputs.map(rename),
      captured: node.captured.map(rename),
      outputs: node.outputs.map(rename),
      attributes: new Map(proto.attribute.map((one) => [one.name, one])),
      proto,
    };
  });
  const model = clone(graph.model);
  const ends = model.graph!;
  for (const end of [...ends.input, ...ends.output])
    end.name = rename(end.name);
  ends.output = ends.output.filter(({ name }) => name === rename(output!));
  const renamed = (value: GraphValue) => ({
    ...value,
    name: rename(value.name),
  });
  const at = ({ index }: GraphNode) => nodes[index]!;
  return {
    model,
    nodes,
    weights: renameKeys(graph.weights),
    inputs: graph.inputs.map(renamed),
    outputs: graph.outputs.filter(({ name }) => name === output).map(renamed),
    producers: new Map(
      [...graph.producers].map(([value, node]) => [rename(value), at(node)]),
    ),
    consumers: new Map(
      [...graph.consumers].map(([value, readers]) => [
        rename(value),
        readers.map(at),
      ]),
    ),
  };
}

/** The names, and new ones for what bears the given names so far. */
function withoutClashes(
  { inputs, weights, producers }: Graph,
  names: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Set([
    ...inputs.map(({ name }) => name),
    ...weights.keys(),
    ...producers.keys(),
  ]);
  const all = new Map([...names].filter(([from, to]) => from !== to));
  for (const taken of [...all.values()]) {
    if (!values.has(taken) || all.has(taken)) continue;
    let free = `${taken}_inside`;
    while (values.has(free)) free += "_";
    all.set(taken, free);
  }
  return all;
}
