// Unets that diffusers never saw: inputs of any name, and modules as ADM calls them.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../src/byte-source.js";
import { loadGraph } from "../src/load/load-graph.js";
import { renameInputs } from "../src/load/rename-inputs.js";
import type { ModelProto } from "../src/onnx/onnx_pb.js";
import { readModelProto, writeModelProto } from "../src/onnx/onnx_pb.js";
import { decode, encode } from "../src/onnx/wire.js";
import type { Unet } from "../src/unet.js";
import { analyseUnet } from "../src/unet.js";
import { dropAllNames, dropNames } from "./fixtures.js";
import { graphOf, op, readModel, value, weight } from "./onnx-model.js";

const files = {
  dynamo: {
    path: "tiny-adm-dynamo/unet/model.onnx",
    names: { noisy: "sample", sigma: "timestep" },
    output: "denoised",
  },
  ts: {
    path: "tiny-adm-ts/model.onnx",
    names: { x: "sample", c_noise: "timestep" },
    output: "F_x",
  },
} as const;

async function admUnet(
  of: keyof typeof files,
  change: (model: ModelProto) => void = () => undefined,
): Promise<Unet> {
  const { path, names, output } = files[of];
  const address = new URL(`../../../models/${path}`, import.meta.url);
  const model = decode(readModelProto, new Uint8Array(readFileSync(address)));
  change(model);
  const graph = await loadGraph(bytesSource(encode(writeModelProto, model)));
  const known = new Map(Object.entries(names));
  const renamed = renameInputs(graph, known, output);
  const size = { batch: 1, channels: 1, height: 16, width: 16 };
  const constant = { name: /^(difficulty|y)$/, changes: false };
  return analyseUnet(renamed, size, [constant]);
}

const paths = (unet: Unet) => [...unet.units.units.keys()];
const blocksOf = (unet: Unet) =>
  paths(unet).filter((path) =>
    /^(input_blocks\.\d+|middle_block|output_blocks\.\d+|out)(\.\d+)?$/.test(
      path,
    ),
  );
const skipsOf = (unet: Unet) =>
  [...unet.units.units.values()].flatMap(({ path, skip }) =>
    skip
      ? [[path, unet.units.unitOf[unet.graph.producers.get(skip.value)!.index]]]
      : [],
  );

const skips = [
  ["output_blocks.0.0.skip", "input_blocks.5.1"],
  ["output_blocks.1.0.skip", "input_blocks.4.0"],
  ["output_blocks.2.0.skip", "input_blocks.3.0"],
  ["output_blocks.3.0.skip", "input_blocks.2.0"],
  ["output_blocks.4.0.skip", "input_blocks.1.0"],
  ["output_blocks.5.0.skip", "input_blocks.0.0"],
];

describe("a Unet with ADM's names", () => {
  test("has its modules as units by their own names", async () => {
    const unet = await admUnet("dynamo");
    expect(blocksOf(unet)).toEqual([
      ...["input_blocks.0", "input_blocks.0.0"],
      ...["input_blocks.1", "input_blocks.1.0"],
      ...["input_blocks.2", "input_blocks.2.0"],
      ...["input_blocks.3", "input_blocks.3.0"],
      ...["input_blocks.4", "input_blocks.4.0"],
      ...["input_blocks.5", "input_blocks.5.0", "input_blocks.5.1"],
      ...["middle_block", "middle_block.0", "middle_block.1"],
      ...["middle_block.2"],
      ...["output_blocks.0", "output_blocks.0.0", "output_blocks.0.1"],
      ...["output_blocks.1", "output_blocks.1.0", "output_blocks.1.1"],
      "output_blocks.1.2",
      ...["output_blocks.2", "output_blocks.2.0"],
      ...["output_blocks.3", "output_blocks.3.0", "output_blocks.3.1"],
      ...["output_blocks.4", "output_blocks.4.0"],
      ...["output_blocks.5", "output_blocks.5.0"],
      ...["out", "out.0", "out.1", "out.2"],
    ]);
    expect(unet.units.isGuessed).toBe(false);
    expect(skipsOf(unet)).toEqual(skips);
  });

  test("has the same units, outputs and skips in both exporters' files", async () => {
    const [a, b] = [await admUnet("dynamo"), await admUnet("ts")];
    const summary = (unet: Unet) =>
      blocksOf(unet).map((path) => {
        const unit = unet.units.units.get(path)!;
        const dims = unit.outputs.map((one) => unet.shapes.get(one)!.dims);
        return [path, unit.parent, dims, unit.residual !== undefined];
      });
    expect(summary(a)).toEqual(summary(b));
    expect(skipsOf(b)).toEqual(skips);
    const inside = "input_blocks.1.0.out_layers.3";
    expect(paths(a)).toContain(inside);
    expect(paths(b)).toContain(inside);
    expect(paths(a).filter((path) => path.includes("slice"))).toEqual([]);
  });

  test("leaves what a wrapper adds out of the last module", async () => {
    const unet = await admUnet("dynamo");
    const { mainInput, nodes } = unet.units.units.get("out.2")!;
    expect(nodes.map((node) => node.opType)).toEqual(["Conv"]);
    const before = unet.graph.producers.get(mainInput!.value)!;
    expect(unet.units.unitOf[before.index]).toBe("out.1");
  });

  test("finds what a block adds where its shortcut halves or doubles the sides", async () => {
    const unet = await admUnet("dynamo");
    const shortcut = (path: string) => {
      const { residual } = unet.units.units.get(path)!;
      const [a, b] = residual!.reader.inputs;
      const other = residual!.value === a ? b! : a!;
      return unet.graph.producers.get(other)!.opType;
    };
    expect(shortcut("input_blocks.2.0")).toBe("AveragePool");
    expect(shortcut("output_blocks.3.1")).toBe("Resize");
    expect(shortcut("output_blocks.4.0")).toBe("Conv");
  });

  test("keeps its names where an optimizer dropped those of nodes", async () => {
    const named = await admUnet("dynamo");
    const unet = await admUnet("dynamo", dropNames);
    const parts = (of: Unet) =>
      blocksOf(of).filter((path) => !/^out(\.|$)/.test(path));
    expect(parts(unet)).toEqual(parts(named));
    expect(skipsOf(unet).map(([path]) => path)).toEqual(
      skips.map(([path]) => path),
    );
    // nothing tells that a reshape behind the last addition is an attention's
    const behindReshapes = (of: Unet, value: string): string => {
      const producer = of.graph.producers.get(value)!;
      return producer.opType === "Reshape"
        ? behindReshapes(of, producer.inputs[0]!)
        : value;
    };
    const outputs = (of: Unet, path: string) =>
      of.units.units
        .get(path)!
        .outputs.map((value) => behindReshapes(named, value));
    for (const path of parts(named))
      expect(outputs(unet, path), path).toEqual(outputs(named, path));
  });

  test("has its skips also where all names are gone", async () => {
    const unet = await admUnet("ts", dropAllNames);
    expect(unet.units.isGuessed).toBe(true);
    expect(skipsOf(unet)).toHaveLength(6);
  });
});

describe("renameInputs()", () => {
  const unet = () =>
    readModel(
      graphOf(
        [
          op("Mul", ["x", "timestep"], ["sample"]),
          op("Greater", ["t", "border"], ["flag"]),
          op("Squeeze", ["flag"], ["late"]),
          op("If", ["late"], ["y"], {
            then_branch: graphOf(
              [op("Add", ["x", "sample"], ["z"])],
              [],
              [value("z", [1, 2, 4, 4])],
            ),
            else_branch: graphOf(
              [op("Sub", ["x", "t"], ["z"])],
              [],
              [value("z", [1, 2, 4, 4])],
            ),
          }),
        ],
        [value("x", [1, 2, 4, 4]), value("t", [1])],
        [value("sample", [1, 2, 4, 4]), value("y", [1, 2, 4, 4])],
        [weight("timestep", [1]), weight("border", [1])],
      ),
    );
  const names = new Map([
    ["x", "sample"],
    ["t", "timestep"],
  ]);

  test("renames inputs wherever they are read, also in bodies", async () => {
    const graph = renameInputs(await unet(), names, "y");
    expect(graph.inputs.map(({ name }) => name)).toEqual([
      "sample",
      "timestep",
    ]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["y"]);
    const branch = graph.producers.get("y")!;
    expect(branch.captured.toSorted()).toEqual([
      "sample",
      "sample_inside",
      "timestep",
    ]);
    const bodies = branch.proto.attribute.map(({ g }) => g!.node[0]!.input);
    expect(bodies).toEqual([
      ["sample", "sample_inside"],
      ["sample", "timestep"],
    ]);
    expect(graph.consumers.get("timestep")!.map((n) => n.opType)).toEqual([
      "Greater",
      "If",
    ]);
    const file = graph.model.graph!;
    expect(file.input.map(({ name }) => name)).toEqual(["sample", "timestep"]);
    expect(file.output.map(({ name }) => name)).toEqual(["y"]);
  });

  test("moves what bears a new name out of the way", async () => {
    const graph = renameInputs(await unet(), names);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["sample_inside"]);
    const [first] = graph.nodes;
    expect(first!.inputs).toEqual(["sample", "timestep_inside"]);
    expect(first!.outputs).toEqual(["sample_inside"]);
    expect(graph.weights.get("timestep_inside")!.dims).toEqual([1]);
    expect(graph.weights.has("timestep")).toBe(false);
  });

  test("leaves the graph that it is given as it is", async () => {
    const graph = await unet();
    const before = JSON.stringify(graph.nodes.map((node) => node.inputs));
    renameInputs(graph, names);
    expect(JSON.stringify(graph.nodes.map((node) => node.inputs))).toBe(before);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "t"]);
  });
});
