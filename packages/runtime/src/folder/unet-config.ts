// What a Unet is, by its graph; by unet/config.json where that is there and the graph leaves it open.

import type { Graph, GraphNode, Weight } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";

/** The Unet's configuration. */
export interface UnetConfig {
  /** Height and width of the sample, in pixels or latent pixels; `undefined` where the model leaves it open. */
  readonly sampleSize: readonly [height: number, width: number] | undefined;
  /** Sides of the sample are multiples of this: each block but the last halves them. */
  readonly sizeMultiple: number;
  /** Channels that the Unet reads: the sample's, and what it is told behind them. */
  readonly inChannels: number;
  /** Channels of the sample. */
  readonly sampleChannels: number;
  /** Channels of the output; more than `inChannels` where it holds a learned variance. */
  readonly outChannels: number;
  /** Width of the text embedding; `undefined`: the Unet takes no text. */
  readonly crossAttentionDim: number | undefined;
}

/**
 * Reads it.
 * @param config unet/config.json, where there is one
 * @param location of the model, for messages
 * @throws {PhaseskipError} `model-invalid` If neither says how many channels the sample has
 */
export function unetConfig(
  graph: Graph,
  config: Readonly<Record<string, unknown>> | undefined,
  location: string,
): UnetConfig {
  const dim = (name: string, axis: number) =>
    number(graph.inputs.find((one) => one.name === name)?.dims?.[axis]);
  const channels = (side: "in" | "out", said: number | undefined) => {
    const found = said ?? number(config?.[`${side}_channels`]);
    if (found !== undefined) return found;
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the model at ${location} as its Unet must say how many channels it ${side === "in" ? "takes" : "gives"}: neither its graph nor unet/config.json does`,
    );
  };
  // Some blocks may have another width each; the first is that of the text.
  const width = config?.["cross_attention_dim"];
  const hasText = graph.inputs.some(
    ({ name }) => name === "encoder_hidden_states",
  );
  const inChannels = channels("in", dim("sample", 1) ?? channelsRead(graph));
  const outChannels = channels("out", channelsMade(graph));
  // twice as many hold a learned variance
  const isWhole = outChannels === inChannels || outChannels === 2 * inChannels;
  return {
    sampleSize: sizeOf(config?.["sample_size"]),
    sizeMultiple: halvings(config?.["down_block_types"]) ?? downsampling(graph),
    inChannels,
    sampleChannels: isWhole ? inChannels : outChannels,
    outChannels,
    crossAttentionDim: hasText
      ? (dim("encoder_hidden_states", 2) ??
        number(Array.isArray(width) ? width[0] : width) ??
        widthRead(graph))
      : undefined,
  };
}

/** What blocks that are listed divide the sides by, where each but the last halves them. */
export function halvings(blocks: unknown): number | undefined {
  return Array.isArray(blocks) ? 2 ** (blocks.length - 1) : undefined;
}

/** Nodes that hand a value on with its axes in place. */
const passing =
  /^(Cast|Identity|QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear)$/;

/** The first nodes that work on a value. */
function readers(graph: Graph, value: string): readonly GraphNode[] {
  const nodes = graph.consumers.get(value) ?? [];
  return nodes.flatMap((node) =>
    passing.test(node.opType)
      ? node.outputs.flatMap((output) => readers(graph, output))
      : [node],
  );
}

/** A weight that a node reads, also where it is unpacked first. */
function weightOf(graph: Graph, node: GraphNode, rank: number) {
  const found = (name: string): Weight | undefined => {
    const producer = graph.producers.get(name);
    return producer && passing.test(producer.opType)
      ? found(producer.inputs[0]!)
      : graph.weights.get(name);
  };
  return node.inputs.map(found).find((weight) => weight?.dims.length === rank);
}

function channelsRead(graph: Graph): number | undefined {
  const [weight] = readers(graph, "sample").flatMap(
    (node) => weightOf(graph, node, 4) ?? [],
  );
  return weight?.dims[1];
}

function channelsMade(graph: Graph): number | undefined {
  const [output] = graph.outputs;
  const declared = number(output?.dims?.[1]);
  if (declared !== undefined) return declared;
  let node = graph.producers.get(output?.name ?? "");
  while (
    node &&
    /^(Cast|Identity|Add|Mul|DequantizeLinear|QuantizeLinear)$/.test(
      node.opType,
    )
  )
    node = graph.producers.get(node.inputs[0]!);
  return node && weightOf(graph, node, 4)?.dims[0];
}

function widthRead(graph: Graph): number | undefined {
  for (const node of readers(graph, "encoder_hidden_states")) {
    const weight = weightOf(graph, node, 2);
    if (weight) return weight.dims[node.opType === "Gemm" ? 1 : 0];
  }
  return undefined;
}

/** By how much the layers that halve the sides divide them. */
function downsampling({ nodes }: Graph): number {
  const halving = nodes.filter(
    ({ opType, attributes }) =>
      /Conv|Pool/.test(opType) &&
      attributes.get("strides")?.ints.every((stride) => Number(stride) === 2),
  );
  return 2 ** halving.length;
}

function sizeOf(value: unknown): readonly [number, number] | undefined {
  const sides: unknown[] = Array.isArray(value) ? value : [value, value];
  const [height, width] = sides.map(number);
  return height !== undefined && width !== undefined
    ? [height, width]
    : undefined;
}

/** A size, which is a whole number from 1 on. */
function number(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) > 0
    ? Number(value)
    : undefined;
}
