import { describe, expect, test } from "vitest";
import { bytesSource } from "../src/byte-source.js";
import { segmentModel } from "../src/cut/segment-model.js";
import { liveGraph } from "../src/cut/live.js";
import { partition } from "../src/cut/partition.js";
import { loadGraph } from "../src/load/load-graph.js";
import { sourceNotes, stripSources } from "../src/load/strip-sources.js";
import { nodeMacs } from "../src/macs.js";
import {
  readModelProto,
  readStringStringEntryProto,
  writeModelProto,
} from "../src/onnx/onnx_pb.js";
import { ElementType } from "../src/onnx/types.js";
import { widenFloats } from "../src/onnx/widen.js";
import { create, decode, encode } from "../src/onnx/wire.js";
import { inferKnownShapes, inferShapes } from "../src/shapes/infer.js";
import {
  changedUnet,
  dropAllNames,
  dropNames,
  fixtureBytes,
  fixtureUnet,
} from "./fixtures.js";
import { graphOf, op, readModel, value } from "./onnx-model.js";

const { FLOAT, FLOAT16, BFLOAT16, INT8, INT32, UINT8 } = ElementType;

describe("units of an export whose names an optimizer dropped", () => {
  test.each(["tiny-sd-dynamo", "tiny-text-dynamo"])(
    "%s: the same by the names of its weights",
    async (name) => {
      const before = await fixtureUnet(name);
      const after = await changedUnet(name, dropNames);
      expect([...after.units.units.keys()].sort()).toEqual(
        [...before.units.units.keys()].sort(),
      );
      expect(after.units.isGuessed).toBe(false);
      expect(after.warnings).toEqual([]);
    },
  );

  test("guessed from the shape, with a warning, where weights have none either", async () => {
    const unet = await changedUnet("tiny-text-ts-static", dropAllNames);
    expect(unet.units.isGuessed).toBe(true);
    expect(unet.warnings.join()).toMatch(/lost its module names/);
  });
});

type Case = readonly [
  operator: string,
  inputs: readonly (readonly [dims: readonly number[], type?: ElementType])[],
  attributes: Record<string, number | readonly number[]>,
  outputs: readonly string[],
  macs: number,
];

const scale = [[]] as const;
const zero = [[], UINT8] as const;

describe("shapes and multiply-accumulates of quantised and fused operators", () => {
  test.each<Case>([
    ["QuantizeLinear", [[[2, 3]], scale, [[], INT8]], {}, [`${INT8}:2,3`], 0],
    [
      "DequantizeLinear",
      [[[2, 3], UINT8], scale, zero],
      {},
      [`${FLOAT}:2,3`],
      0,
    ],
    [
      "DynamicQuantizeLinear",
      [[[2, 3]]],
      {},
      [`${UINT8}:2,3`, `${FLOAT}:`, `${UINT8}:`],
      0,
    ],
    [
      "MatMulInteger",
      [
        [[2, 3, 4], UINT8],
        [[4, 5], INT8],
      ],
      {},
      [`${INT32}:2,3,5`],
      120,
    ],
    [
      "ConvInteger",
      [
        [[1, 4, 6, 6], UINT8],
        [[8, 4, 3, 3], UINT8],
      ],
      { pads: [1, 1, 1, 1] },
      [`${INT32}:1,8,6,6`],
      8 * 36 * 36,
    ],
    [
      "QLinearMatMul",
      [[[3, 4], UINT8], scale, zero, [[4, 5], INT8], scale, zero, scale, zero],
      {},
      [`${UINT8}:3,5`],
      60,
    ],
    [
      "QLinearConv",
      [
        [[1, 4, 6, 6], UINT8],
        scale,
        zero,
        [[8, 4, 3, 3], INT8],
        scale,
        zero,
        scale,
        zero,
      ],
      {},
      [`${UINT8}:1,8,4,4`],
      8 * 16 * 36,
    ],
    [
      "com.microsoft:QLinearConcat",
      [
        scale,
        zero,
        [[1, 2, 3], UINT8],
        scale,
        zero,
        [[1, 4, 3], UINT8],
        scale,
        zero,
      ],
      { axis: 1 },
      [`${UINT8}:1,6,3`],
      0,
    ],
    [
      "com.microsoft:QLinearGlobalAveragePool",
      [[[1, 4, 5, 3], UINT8], scale, zero, scale, zero],
      { channels_last: 1 },
      [`${UINT8}:1,1,1,3`],
      0,
    ],
    [
      "com.microsoft:MatMulIntegerToFloat",
      [[[3, 4], UINT8], [[4, 5], UINT8], scale, scale],
      {},
      [`${FLOAT}:3,5`],
      60,
    ],
    [
      "com.microsoft:MatMulNBits",
      [[[1, 3, 32]], [[16, 1, 16], UINT8], [[16]]],
      { K: 32, N: 16, bits: 4, block_size: 32 },
      [`${FLOAT}:1,3,16`],
      3 * 16 * 32,
    ],
    [
      "com.microsoft:GatherBlockQuantized",
      [[[10, 16], UINT8], [[2, 5], INT32], [[10, 1]]],
      { bits: 4 },
      [`${FLOAT}:2,5,32`],
      0,
    ],
    [
      "com.microsoft:Attention",
      [[[1, 4, 8]], [[8, 24]], [[24]]],
      { num_heads: 2 },
      [`${FLOAT}:1,4,8`],
      4 * (8 * 24 + 4 * 16),
    ],
    [
      "com.microsoft:MultiHeadAttention",
      [[[1, 4, 8]], [[1, 5, 8]], [[1, 5, 6]]],
      { num_heads: 2 },
      [`${FLOAT}:1,4,6`],
      4 * 5 * 14,
    ],
    [
      "com.microsoft:SkipLayerNormalization",
      [[[1, 4, 8]], [[1, 4, 8]], [[8]]],
      {},
      [`${FLOAT}:1,4,8`, `${FLOAT}:1,4,1`, `${FLOAT}:1,4,1`, `${FLOAT}:1,4,8`],
      0,
    ],
    [
      "com.microsoft:BiasSplitGelu",
      [[[1, 4, 16]], [[16]]],
      {},
      [`${FLOAT}:1,4,8`],
      0,
    ],
    [
      "com.microsoft:NhwcConv",
      [[[1, 6, 6, 4]], [[8, 3, 3, 4]]],
      { pads: [1, 1, 1, 1] },
      [`${FLOAT}:1,6,6,8`],
      8 * 36 * 36,
    ],
  ])("%s %j", async (operator, inputs, attributes, outputs, macs) => {
    const names = inputs.map((_, i) => `x${i}`);
    const made = outputs.map((_, i) => `y${i}`);
    const graph = await readModel(
      graphOf(
        [op(operator, names, made, attributes)],
        inputs.map(([dims, type = FLOAT], i) => value(`x${i}`, dims, type)),
        made.map((name) => value(name, [])),
      ),
      { opsets: { "": 17, "com.microsoft": 1 } },
    );
    const shapes = inferShapes(
      graph,
      new Map(inputs.map(([dims], i) => [`x${i}`, dims])),
    );
    const found = made.map((name) => {
      const { type, dims } = shapes.get(name)!;
      return `${type}:${dims.join()}`;
    });
    expect(found).toEqual(outputs);
    expect(nodeMacs(graph.nodes[0]!, shapes)).toBe(macs);
  });
});

describe("an operator without a shape rule", () => {
  const unknown = (dims?: readonly number[]) =>
    changedUnet("tiny-text-ts-static", (model) => {
      const graph = model.graph!;
      const node = graph.node.find(({ name }) =>
        name.startsWith("/unet/mid_block/resnets.0/conv1"),
      )!;
      node.op_type = "Frob";
      if (dims) graph.value_info = [value(node.output[0]!, dims)];
    });
  const reuse = async (unit: string, dims?: readonly number[]) => {
    const unet = await unknown(dims);
    return partition(unet, [liveGraph(unet, new Set([unit]), () => "cache")]);
  };

  test("runs whole, with a warning that names it", async () => {
    const unet = await unknown();
    expect(unet.warnings.join()).toMatch(/behind Frob .*mid_block/);
    const parts = partition(unet, [liveGraph(unet, new Set(), () => "fresh")]);
    expect(parts.segments.length).toBeGreaterThan(0);
  });

  test("is refused where a plan cuts behind it, naming the unit, and not before it", async () => {
    await expect(reuse("mid_block")).rejects.toThrow(/mid_block.*Frob/);
    expect((await reuse("down_blocks.0")).segments.length).toBeGreaterThan(0);
  });

  test("is believed what the file's value_info says of it", async () => {
    const known = (await fixtureUnet("tiny-text-ts-static")).graph.nodes.find(
      ({ proto }) => proto.name.startsWith("/unet/mid_block/resnets.0/conv1"),
    )!;
    const { dims } = (await fixtureUnet("tiny-text-ts-static")).shapes.get(
      known.outputs[0]!,
    )!;
    expect((await reuse("mid_block", dims)).segments.length).toBeGreaterThan(0);
  });
});

test("inferKnownShapes() leaves unknown what is made of an unknown value", async () => {
  const graph = await readModel(
    graphOf(
      [op("Frob", ["x"], ["y"]), op("Relu", ["y"], ["z"])],
      [value("x", [2])],
      [value("z", ["n"])],
    ),
  );
  const { shapes, unruled } = inferKnownShapes(graph, new Map([["x", [2]]]));
  expect([...shapes.keys()]).toEqual(["x"]);
  expect(unruled.map(({ node }) => node.opType)).toEqual(["Frob"]);
});

test("loadGraph() refuses operators that were made for one kind of CPU", async () => {
  const graph = graphOf(
    [op("com.microsoft.nchwc:Conv", ["x"], ["y"])],
    [value("x", [1])],
    [value("y", [1])],
  );
  await expect(readModel(graph)).rejects.toThrow(/made for one kind of CPU/);
});

test("widenFloats() takes bfloat16 as the upper half of a float32", () => {
  const bytes = widenFloats(BFLOAT16, Uint8Array.of(0x80, 0x3f, 0x20, 0xc0));
  expect([...new Float32Array(bytes.buffer)]).toEqual([1, -2.5]);
});

test("segmentModel() computes what depends on the timestep alone in float32 between float16 edges", async () => {
  const unet = await fixtureUnet("tiny-text-ts-f16");
  const { segments } = partition(unet, [
    liveGraph(unet, new Set(), () => "fresh"),
  ]);
  const time = segments.find(({ kind }) => kind === "timestep")!;
  const graph = decode(readModelProto, segmentModel(unet, time).bytes).graph!;
  const types = graph.output.map(({ type }) => type!.tensor_type!.elem_type);
  expect(types).toEqual(types.map(() => FLOAT16));
  expect(graph.initializer.map((t) => t.data_type)).not.toContain(FLOAT16);
  const casts = graph.node.filter(({ output }) =>
    graph.output.some(({ name }) => output.includes(name)),
  );
  expect(casts.map((node) => node.op_type)).toEqual(types.map(() => "Cast"));
});

test("stripSources() takes out source paths and keeps module paths", async () => {
  const model = decode(readModelProto, fixtureBytes("tiny-sd-dynamo"));
  for (const node of model.graph!.node)
    node.metadata_props.push(
      create(readStringStringEntryProto, {
        key: "pkg.torch.onnx.stack_trace",
        value: 'File "/home/me/export.py", line 7, in forward',
      }),
    );
  const bytes = encode(writeModelProto, model);
  const told = sourceNotes((await loadGraph(bytesSource(bytes))).model);
  expect(told).toEqual({
    nodes: model.graph!.node.length,
    example: "/home/me/export.py",
  });
  const graph = await loadGraph(bytesSource(stripSources(bytes)));
  expect(sourceNotes(graph.model).nodes).toBe(0);
  expect(graph.nodes.map(({ scopes }) => scopes)).toEqual(
    (await fixtureUnet("tiny-sd-dynamo")).graph.nodes.map(
      ({ scopes }) => scopes,
    ),
  );
});
