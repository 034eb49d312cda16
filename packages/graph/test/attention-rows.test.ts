import { describe, expect, test } from "vitest";
import { liveGraph } from "../src/cut/live.js";
import { partition } from "../src/cut/partition.js";
import { segmentModel } from "../src/cut/segment-model.js";
import type { NodeProto } from "../src/onnx/onnx_pb.js";
import { readModelProto } from "../src/onnx/onnx_pb.js";
import { decode } from "../src/onnx/wire.js";
import { analyseUnet } from "../src/unet.js";
import {
  fixtureGraph,
  fixtureSize,
  fixtureUnet,
  unetFixtures,
} from "./fixtures.js";
import {
  graphOf,
  integers,
  op,
  readModel,
  value,
  weight,
} from "./onnx-model.js";

/** 16 × 16 tokens of 2 heads × 4. */
const tokens = 256;
const scores = 2 * tokens * tokens;

/** A Unet that is one attention between two reshapes, written with the given nodes from `q`, `k` and `v` to `o`. */
async function unetOf(attention: readonly NodeProto[], rank: 3 | 4 = 4) {
  const heads = [1, 2, tokens, 4];
  const flat = [1, tokens, 8];
  const graph = await readModel(
    graphOf(
      [
        op("Reshape", ["sample", "heads"], ["q"], {}, "/conv_in/Reshape"),
        op("Relu", ["q"], ["k"], {}, "/mid_block/Relu"),
        op("Neg", ["q"], ["v"], {}, "/mid_block/Neg"),
        ...(rank === 4 ? [turned] : []),
        ...attention,
        op("Reshape", ["o", "pixels"], ["out"], {}, "/conv_out/Reshape"),
      ],
      [value("sample", [1, 8, 16, 16]), value("timestep", [1])],
      [value("out", [1, 8, 16, 16])],
      [
        integers("heads", rank === 4 ? heads : flat),
        integers("pixels", [1, 8, 16, 16]),
        weight("scale", []),
        weight("mask", [tokens, tokens]),
        weight("keys", [1, tokens]),
        weight("bias", [24]),
      ].filter(
        ({ name }) =>
          attention.some(({ input }) => input.includes(name)) ||
          ["heads", "pixels"].includes(name),
      ),
    ),
  );
  return analyseUnet(graph, { batch: 1, height: 16, width: 16 });
}

const softmax = (axis = -1) =>
  op("Softmax", ["s"], ["p"], { axis }, "/mid_block/Softmax");
const product = (input: string[], output: string) =>
  op("MatMul", input, [output], {}, `/mid_block/${output}`);
const turned = op("Transpose", ["k"], ["kt"], { perm: [0, 1, 3, 2] });
const plain = [product(["q", "kt"], "s"), softmax(), product(["p", "v"], "o")];

async function attentionOf(
  nodes: readonly NodeProto[],
  maxScores: number,
  rank?: 3 | 4,
) {
  const unet = await unetOf(nodes, rank);
  const live = liveGraph(unet, new Set(), () => "fresh");
  const { segments } = partition(unet, [live], Infinity, maxScores);
  const written = segments.flatMap(
    (segment) =>
      decode(readModelProto, segmentModel(unet, segment).bytes).graph!.node,
  );
  return {
    found: segments.flatMap(({ attention }) => attention),
    types: written.map(({ op_type }) => op_type),
    written,
  };
}

describe("partition() with maxScores", () => {
  test("computes attention by a power of two of rows that fit", async () => {
    const { found, types } = await attentionOf(plain, scores / 3);
    expect(found.map(({ tokens, rows }) => [tokens, rows])).toEqual([
      [256, 64],
    ]);
    expect(types.filter((type) => type === "Softmax")).toHaveLength(4);
    expect(types.filter((type) => type === "Concat")).toHaveLength(1);
  });

  test("leaves attention whole that fits, or has few rows", async () => {
    expect((await attentionOf(plain, scores)).found).toEqual([]);
    const unet = await fixtureUnet("tiny-text-ts");
    const live = liveGraph(unet, new Set(), () => "fresh");
    const { segments } = partition(unet, [live], Infinity, 1);
    expect(segments.flatMap(({ attention }) => attention)).toEqual([]);
  });

  const rowWise: [string, NodeProto[]][] = [
    [
      "scales, and keys masked for all rows alike",
      [
        product(["q", "kt"], "r"),
        op("Mul", ["r", "scale"], ["m"]),
        op("Add", ["m", "keys"], ["s"]),
        softmax(3),
        product(["p", "v"], "o"),
      ],
    ],
    [
      "rows without any key set to zero, as PyTorch's exporter writes it",
      [
        product(["q", "kt"], "s"),
        softmax(),
        op("IsNaN", ["p"], ["n"]),
        op("Where", ["n", "scale", "p"], ["w"]),
        product(["w", "v"], "o"),
      ],
    ],
  ];
  test.each(rowWise)("finds attention with %s", async (_, nodes) => {
    const { found } = await attentionOf(nodes, 1);
    expect(found).toHaveLength(1);
    expect(found[0]!.nodes).toHaveLength(nodes.length);
  });

  test("finds fused attention, and hands its other inputs to each part", async () => {
    const fused = op(
      "com.microsoft:MultiHeadAttention",
      ["q", "k", "v", "bias"],
      ["o"],
      { num_heads: 2 },
      "/mid_block/MultiHeadAttention",
    );
    const { found, written } = await attentionOf([fused], scores / 3, 3);
    expect(found.map(({ rows }) => rows)).toEqual([64]);
    const parts = written.filter(({ op_type }) => op_type === fused.op_type);
    expect(parts.map(({ input }) => input.slice(1))).toEqual(
      Array(4).fill(["k", "v", "bias"]),
    );
  });

  const notRowWise: [string, NodeProto[]][] = [
    [
      "each row has a mask of its own",
      [
        product(["q", "kt"], "r"),
        op("Add", ["r", "mask"], ["s"]),
        softmax(),
        product(["p", "v"], "o"),
      ],
    ],
    ["the softmax is over the rows", [plain[0]!, softmax(2), plain[2]!]],
    [
      "the scores are the right factor",
      [
        plain[0]!,
        softmax(),
        product(["p", "p"], "o2"),
        product(["o2", "v"], "o"),
      ],
    ],
    ["there is no softmax", [product(["q", "kt"], "p"), plain[2]!]],
  ];
  test.each(notRowWise)("leaves attention whole where %s", async (_, nodes) => {
    expect((await attentionOf(nodes, 1)).found).toEqual([]);
  });

  test("leaves a softmax whole that a plan wants to see", async () => {
    const unet = await unetOf(plain);
    const live = liveGraph(unet, new Set(), () => "fresh");
    const probes = [{ value: "p" }] as unknown as typeof live.probes;
    const { segments } = partition(unet, [{ ...live, probes }], Infinity, 1);
    expect(segments.flatMap(({ attention }) => attention)).toEqual([]);
  });

  test("tells segments of sizes apart whose rows differ, and of no other", async () => {
    const graph = await fixtureGraph("tiny-text-ts");
    const size = fixtureSize("tiny-text-ts", graph);
    const keys = (side: number, maxScores: number) => {
      const unet = analyseUnet(graph, { ...size, height: side, width: side });
      const live = liveGraph(unet, new Set(), () => "fresh");
      const { segments } = partition(unet, [live], Infinity, maxScores);
      return segments.map(({ key }) => key);
    };
    expect(keys(24, Infinity)).toEqual(keys(32, Infinity));
    expect(keys(24, 1)).not.toEqual(keys(32, 1));
  });
});

const resizable = unetFixtures.filter((name) => !/ddpm|static/.test(name));

test.each(resizable)(
  "%s has its attention found at a larger size",
  async (name) => {
    const graph = await fixtureGraph(name);
    const size = fixtureSize(name, graph);
    let unet;
    try {
      unet = analyseUnet(graph, { ...size, height: 48, width: 48 });
    } catch {
      return; // fixed to its size
    }
    const live = liveGraph(unet, new Set(), () => "fresh");
    const { segments } = partition(unet, [live], Infinity, 1);
    const large = graph.nodes.filter(
      (node) =>
        node.opType === "Softmax" &&
        unet.shapes.get(node.outputs[0]!)!.dims.at(-2)! > 64,
    );
    const found = segments.flatMap(({ attention }) => attention);
    expect(large.length).toBeGreaterThan(0);
    expect(found).toHaveLength(large.length);
  },
);
