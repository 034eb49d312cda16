// Mutations of an ONNX graph that stay a message: what is read where, which module holds what, what calls what.

import {
  readAttributeProto,
  readStringStringEntryProto,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import { clone, create } from "../../packages/graph/src/onnx/wire.js";
import type { Random } from "../random.js";
import { anyValue, sizes, type Mutation } from "./graph-mutation.js";
import { callMutations } from "./mutate-calls.js";
import { weightMutations } from "./mutate-weights.js";

/** Changes one thing of a model's graph, or of a body inside it. */
export function mutateGraph(model: ModelProto, random: Random): void {
  const outer = model.graph;
  if (!outer || outer.node.length === 0) return;
  const inner = outer.node.flatMap((node) => node.attribute.flatMap(bodiesOf));
  const graph =
    inner.length > 0 && random.chance(0.2) ? random.pick(inner) : outer;
  if (graph.node.length > 0) random.pick(mutations)(graph, random, model);
}

function bodiesOf({ g, graphs }: AttributeProto): GraphProto[] {
  return g ? [g] : graphs;
}

const edges: Mutation[] = [
  (graph, random) => {
    const node = random.pick(graph.node);
    if (node.input.length > 0)
      node.input[random.below(node.input.length)] = anyValue(graph, random);
  },
  (graph, random) => {
    const node = random.pick(graph.node);
    if (node.output.length > 0)
      node.output[random.below(node.output.length)] = anyValue(graph, random);
  },
  (graph, random) => {
    const value = anyValue(graph, random);
    random
      .pick(graph.node)
      [random.pick(["input", "output"] as const)].push(
        ...Array<string>(random.pick([1, 1, 2000])).fill(value),
      );
  },
  (graph, random) => void graph.node.splice(random.below(graph.node.length), 1),
  (graph, random) => {
    const copy = clone(random.pick(graph.node));
    if (random.chance(0.7))
      copy.output = copy.output.map((name) => `${name}_again`);
    graph.node.splice(random.below(graph.node.length), 0, copy);
  },
  (graph) => void graph.node.reverse(),
  (graph, random) => {
    const ends = graph[random.pick(["input", "output"] as const)];
    if (ends.length > 0) random.pick(ends).name = anyValue(graph, random);
  },
];

const scopes: Mutation[] = [
  (graph, random) => {
    const { name } = random.pick(graph.node);
    random.pick(graph.node).name = name;
  },
  (graph, random) => {
    const node = random.pick(graph.node);
    const parts = node.name.split("/");
    const at = random.below(parts.length);
    parts.splice(
      at,
      0,
      ...Array<string>(random.pick([1, 2, 70])).fill(parts[at] ?? ""),
    );
    node.name = parts.join("/");
  },
  (graph, random) => {
    const paths = [
      "down_blocks.0",
      "down_blocks.0.resnets.0",
      "mid_block",
      "up_blocks.0",
      "up_blocks.0.resnets.0.skip",
      "m:residual",
      "",
      "conv_in",
    ];
    for (let left = random.pick([1, 5, 50]); left > 0; left--) {
      const node = random.pick(graph.node);
      const list = Array.from(
        { length: random.pick([1, 2, 3, 6, 80]) },
        () => `'${random.pick(paths)}'`,
      );
      const value = random.pick([
        `[${list.join(", ")}]`,
        `['${"\\'".repeat(5000)}`,
      ]);
      node.metadata_props = [
        create(readStringStringEntryProto, {
          key: "pkg.torch.onnx.name_scopes",
          value,
        }),
      ];
    }
  },
];

const attributes: Mutation[] = [
  (graph, random) => {
    const kinds = [
      "Conv",
      "Reshape",
      "Concat",
      "Split",
      "Slice",
      "Gather",
      "Expand",
      "Tile",
      "Pad",
      "Range",
      "Resize",
      "Einsum",
      "If",
      "Loop",
      "Constant",
      "ConstantOfShape",
      "Unsqueeze",
      "Squeeze",
      "Transpose",
      "MatMul",
      "Gemm",
      "ReduceMean",
      "Shape",
      "Cast",
      "SplitToSequence",
      "SequenceAt",
      "Identity",
      "MaxPool",
      "Attention",
      "DepthToSpace",
      "Flatten",
      "LayerNormalization",
      "ConvTranspose",
      "GatherND",
      "my:Twice",
    ];
    const [domain, type] = random.pick(kinds).split(":");
    const node = random.pick(graph.node);
    node.op_type = type ?? domain!;
    node.domain = type ? domain! : "";
  },
  (graph, random) => {
    const attribute = random.pick(
      graph.node
        .flatMap((node) => node.attribute)
        .concat(create(readAttributeProto, {})),
    );
    attribute.i = random.pick(sizes);
    attribute.ints = attribute.ints.map((value) =>
      random.chance(0.4) ? random.pick(sizes) : value,
    );
    if (random.chance(0.2))
      attribute.ints.splice(random.below(attribute.ints.length), 1);
    if (random.chance(0.1))
      attribute.ints.push(...Array<number>(random.pick([1, 3, 3000])).fill(1));
  },
  (graph, random) => {
    const name = random.pick([
      "axis",
      "axes",
      "perm",
      "pads",
      "strides",
      "kernel_shape",
      "group",
      "to",
      "split",
      "equation",
      "value",
      "keepdims",
      "start",
      "blocksize",
    ]);
    const s = new TextEncoder().encode(
      random.pick(["abc,cd->ab", "i".repeat(3000), "..."]),
    );
    random.pick(graph.node).attribute.push(
      create(readAttributeProto, {
        name,
        s,
        i: random.pick(sizes),
        ints: Array.from({ length: random.below(5) }, () => random.pick(sizes)),
      }),
    );
  },
  (graph, random) => {
    const node = random.pick(graph.node);
    node.attribute.splice(random.below(node.attribute.length), 1);
  },
];

const mutations: readonly Mutation[] = [
  ...edges,
  ...scopes,
  ...attributes,
  ...weightMutations,
  ...callMutations,
];
