// A text encoder that ends some layers earlier, `clip_skip` of diffusers: what a layer hands on, and the last norm,
// which stays (0.42.1, pipelines/stable_diffusion/pipeline_stable_diffusion.py, encode_prompt).

import type { Graph, GraphNode } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";

/**
 * The output that holds what a text encoder's layer hands on, counted back from the last one's.
 * @param graph an encoder that gives `hidden_states.0`, what enters the first layer, and one more for each layer
 * @param name the encoder's folder, for messages
 * @param layers how many the encoder has
 * @throws {RangeError} If there are not as many layers
 * @throws {PhaseskipError} `model-unsupported` If there is no such output
 */
export function layerOutput(
  graph: Graph,
  name: string,
  layers: number,
  back: number,
): string {
  const names = graph.outputs.map((value) => value.name);
  const output = `hidden_states.${layers - back}`;
  if (names.includes(output)) return output;
  if (back > layers && names.includes("hidden_states.0")) {
    throw new RangeError(
      `Cannot leave out layers of ${name} as it has ${layers}: clipSkip asks for the output of the layer ${back} before the last`,
    );
  }
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run ${name} as it must have an output named ${output}: it has ${names.join(", ")}; export it with output_hidden_states, as Optimum does for SDXL`,
  );
}

/**
 * What an encoder does behind its last layer, as a graph of its own.
 * @param last the output of the last layer
 * @param earlier the output of another layer, which the graph reads instead
 * @param end the encoder's output
 */
export function lastNorm(
  graph: Graph,
  last: string,
  earlier: string,
  end: string,
): Graph {
  const named = graph.producers.get(last);
  const starts = [last, named?.opType === "Identity" ? named.inputs[0] : last];
  const nodes = new Map<number, GraphNode>();
  const waiting = [end];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const node = starts.includes(value)
      ? undefined
      : graph.producers.get(value);
    if (!node || nodes.has(node.index)) continue;
    const inputs = node.inputs.map((read) =>
      starts.includes(read) ? earlier : read,
    );
    nodes.set(node.index, { ...node, inputs });
    waiting.push(...node.inputs);
  }
  const sorted = [...nodes.values()].sort((a, b) => a.index - b.index);
  const read = new Set(sorted.flatMap(({ inputs }) => inputs));
  const proto = graph.model.graph!;
  const output = proto.output.filter(({ name }) => name === end);
  const input = proto.output.filter(({ name }) => name === earlier);
  return {
    ...graph,
    model: { ...graph.model, graph: { ...proto, input, output } },
    nodes: sorted,
    weights: new Map([...graph.weights].filter(([name]) => read.has(name))),
    inputs: graph.outputs.filter(({ name }) => name === earlier),
    outputs: graph.outputs.filter(({ name }) => name === end),
  };
}
