import { describe, expect, test } from "vitest";
import { bytesSource } from "../src/byte-source.js";
import type { LiveGraph } from "../src/cut/live.js";
import { liveGraph } from "../src/cut/live.js";
import { loadGraph } from "../src/load/load-graph.js";
import type { GraphProto } from "../src/onnx/onnx_pb.js";
import { readModelProto } from "../src/onnx/onnx_pb.js";
import { decode } from "../src/onnx/wire.js";
import { inlineLimit } from "../src/onnx/read.js";
import { ElementType } from "../src/onnx/types.js";
import { partition } from "../src/cut/partition.js";
import { segmentModel, wholeModel } from "../src/cut/segment-model.js";
import type { Unet } from "../src/unet.js";
import { analyseUnet } from "../src/unet.js";
import { fixtureGraph, fixtureUnet, unetFixtures } from "./fixtures.js";
import { handMadeUnet } from "./hand-made-unet.js";

/** Live graphs that cut every ResNet and every skip off. */
function fine(unet: Unet): LiveGraph[] {
  const paths = [...unet.units.units.keys()].filter((path) =>
    /\.skip$|resnets\.\d+$/.test(path),
  );
  return [
    liveGraph(unet, new Set(), () => "fresh"),
    ...paths.map((path) => liveGraph(unet, new Set([path]), () => "cache")),
  ];
}

const graphIn = (bytes: Uint8Array): GraphProto =>
  decode(readModelProto, bytes).graph!;
const names = (values: readonly { readonly name: string }[]) =>
  values.map(({ name }) => name);

/** Whether every value that a graph's nodes read is made, fed or held in it. */
function expectComplete(graph: GraphProto, outer: readonly string[] = []) {
  const known = new Set([
    ...outer,
    ...names(graph.input),
    ...names(graph.initializer),
  ]);
  for (const node of graph.node) {
    for (const value of node.input) if (value) expect(known).toContain(value);
    for (const { g } of node.attribute) if (g) expectComplete(g, [...known]);
    for (const value of node.output) known.add(value);
  }
  for (const { name } of graph.output) expect(known).toContain(name);
}

describe("segmentModel()", () => {
  test.each(unetFixtures)(
    "writes every segment of %s as a model of its own",
    async (name) => {
      const unet = await fixtureUnet(name);
      const { segments } = partition(unet, fine(unet));
      expect(segments.length).toBeGreaterThan(10);
      for (const segment of segments) {
        const model = segmentModel(unet, segment);
        const { graph, opset_import } = decode(readModelProto, model.bytes);
        expect(opset_import).toEqual(unet.graph.model.opset_import);
        expectComplete(graph!);
        expect(names(graph!.output)).toEqual(segment.outputs);
        expect(names(graph!.input)).toEqual([
          ...names(segment.inputs),
          ...model.fed,
        ]);
        const read = new Set(graph!.node.flatMap((node) => node.input));
        for (const { name: held } of graph!.initializer)
          expect(read).toContain(held);
        // the external file: aligned, in order, without overlap
        let end = 0;
        for (const { offset, byteLength, weight } of model.placements) {
          expect(offset % 64).toBe(0);
          expect(offset).toBeGreaterThanOrEqual(end);
          expect(weight.byteLength).toBeGreaterThan(
            "data_type" in weight.data ? inlineLimit : 0,
          );
          end = offset + byteLength;
        }
        expect(model.externalBytes).toBeGreaterThanOrEqual(end);
        expect(model.externalBytes - end).toBeLessThan(64);
      }
    },
  );

  test("holds what the live graph holds, not a byte more, over all segments", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const count = (signatures: readonly LiveGraph[]) =>
      partition(unet, signatures).segments.reduce(
        (sum, segment) =>
          sum +
          segmentModel(unet, segment).placements.reduce(
            (s, p) => s + p.byteLength,
            0,
          ),
        0,
      );
    const [whole] = fine(unet);
    expect(count(fine(unet))).toBe(count([whole!]));
  });

  test("leaves sizes that change with the input open", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const { segments } = partition(unet, [fine(unet)[0]!]);
    const main = segments.find(({ kind }) => kind === "step")!;
    const { input } = graphIn(segmentModel(unet, main).bytes);
    const sample = input.find(({ name }) => name === "sample")!.type!
      .tensor_type!;
    const { dim: dims } = sample.shape!;
    expect(dims.map((dim) => dim.dim_value)).toEqual([-1, 3, -1, -1]);
  });

  test("writes the same for every size, so that sessions outlive a change of it", async () => {
    const graph = await fixtureGraph("tiny-text-dynamo");
    const sizes = [
      { batch: 1, height: 16, width: 16, tokens: 12, textWidth: 8 },
      { batch: 3, height: 24, width: 32, tokens: 12, textWidth: 8 },
    ];
    const [a, b] = sizes.map((size) => {
      const unet = analyseUnet(graph, size);
      const { segments } = partition(unet, fine(unet));
      return segments.map((segment) => [
        segment.key,
        segmentModel(unet, segment),
      ]);
    });
    expect(a).toEqual(b);
  });

  test("writes float16 as float32 throughout where it is widened", async () => {
    const unet = await fixtureUnet("tiny-text-ts-f16");
    for (const segment of partition(unet, fine(unet)).segments) {
      const { placements, bytes } = segmentModel(unet, segment, true);
      const { node, input, output, initializer } = graphIn(bytes);
      const types = [...input, ...output].map(
        ({ type }) => type?.tensor_type?.elem_type,
      );
      expect([
        ...types,
        ...initializer.map(({ data_type }) => data_type),
      ]).not.toContain(ElementType.FLOAT16);
      for (const { op_type, attribute } of node) {
        if (op_type === "Cast")
          expect(attribute[0]!.i).not.toBe(ElementType.FLOAT16);
      }
      for (const { byteLength, weight } of placements) {
        const factor = weight.type === ElementType.FLOAT16 ? 2 : 1;
        expect(byteLength).toBe(weight.byteLength * factor);
      }
    }
  });

  test.each([false, true])(
    "feeds what the bodies of an If read; widened: %s",
    async (widen) => {
      const type = widen ? ElementType.FLOAT16 : ElementType.FLOAT;
      const graph = await loadGraph(bytesSource(handMadeUnet({ type })));
      const unet = analyseUnet(graph, {
        batch: 1,
        height: 4,
        width: 4,
        channels: 2,
      });
      expect([...unet.units.units.keys()]).toEqual(
        expect.arrayContaining([
          "conv_in",
          "mid_block",
          "up_blocks.0.resnets.0.skip",
        ]),
      );
      const whole = liveGraph(unet, new Set(), () => "fresh");
      const cut = liveGraph(unet, new Set(["down_blocks.0"]), () => "cache");
      const { segments } = partition(unet, [whole, cut]);
      const branching = segments.find(({ nodes }) =>
        nodes.some(({ opType }) => opType === "If"),
      )!;
      expect(branching.inputs.map(({ name }) => name)).toContain(
        "x@down_blocks.0",
      );
      const written = graphIn(segmentModel(unet, branching, widen).bytes);
      expectComplete(written);
      if (!widen) return;
      const bodies = written.node.flatMap(({ attribute }) =>
        attribute.flatMap(({ g }) => g ?? []),
      );
      expect(bodies).toHaveLength(2);
      for (const { output, initializer } of bodies) {
        for (const tensor of initializer)
          expect(tensor.data_type).toBe(ElementType.FLOAT);
        for (const { type: info } of output) {
          expect(info?.tensor_type).toMatchObject({
            elem_type: ElementType.FLOAT,
          });
        }
      }
    },
  );
});

describe("wholeModel()", () => {
  test.each(["tiny-text-ts", "tiny-sd-dynamo"])(
    "writes the graph of %s, weights outside",
    async (name) => {
      const graph = await fixtureGraph(name);
      const model = wholeModel(graph);
      const written = graphIn(model.bytes);
      expectComplete(written);
      expect(names(written.input)).toEqual(names(graph.inputs));
      expect(names(written.output)).toEqual(names(graph.outputs));
      expect(model.externalBytes).toBeGreaterThan(10_000);
    },
  );
});
