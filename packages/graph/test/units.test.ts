import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Dependency } from "../src/dependencies.js";
import { nodeMacs } from "../src/macs.js";
import type { Unet } from "../src/unet.js";
import { analyseUnet } from "../src/unet.js";
import {
  changedUnet,
  dropAllNames,
  fixtureGraph,
  fixtureUnet,
  unetFixtures,
} from "./fixtures.js";
import { graphOf, op, readModel, value } from "./onnx-model.js";

const paths = (unet: Unet) => [...unet.units.units.keys()];
const unitOf = (unet: Unet, path: string) => unet.units.units.get(path)!;
const makerOf = (unet: Unet, name: string) =>
  unet.units.unitOf[unet.graph.producers.get(name)!.index]!;
/** An activation is one module that is called several times, which the exporters name differently. */
const isActivation = (path: string) => path.includes("nonlinearity");

/** Each skip's path and the unit that hands it out. */
const skipsOf = (unet: Unet) =>
  [...unet.units.units.values()].flatMap(({ path, skip }) =>
    skip ? [[path, makerOf(unet, skip.value)] as const] : [],
  );

const threeBlocks = [
  ["up_blocks.0.resnets.0.skip", "down_blocks.2.resnets.0"],
  ["up_blocks.0.resnets.1.skip", "down_blocks.1.downsamplers.0.conv"],
  ["up_blocks.1.resnets.0.skip", "down_blocks.1.attentions.0"],
  ["up_blocks.1.resnets.1.skip", "down_blocks.0.downsamplers.0.conv"],
  ["up_blocks.2.resnets.0.skip", "down_blocks.0.resnets.0"],
  ["up_blocks.2.resnets.1.skip", "conv_in"],
];

describe("findUnits()", () => {
  test("finds the modules of a Unet, in the order in which they run", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const short = paths(unet).filter((path) => path.split(".").length <= 2);
    expect(short).toEqual([
      ...["conv_in", "down_blocks.0", "down_blocks.1", "down_blocks.2"],
      ...["mid_block", "up_blocks.0", "up_blocks.1", "up_blocks.2"],
      ...["conv_norm_out", "conv_act", "conv_out"],
    ]);
    expect(paths(unet)).toEqual(
      expect.arrayContaining([
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2",
        "down_blocks.1.attentions.0.transformer_blocks.0.ff",
        "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "up_blocks.1.upsamplers.0",
      ]),
    );
  });

  test("finds the same units, outputs and skips in both exporters' files", async () => {
    const [a, b] = await Promise.all([
      fixtureUnet("tiny-text-ts"),
      fixtureUnet("tiny-text-dynamo"),
    ]);
    const summary = (unet: Unet) =>
      [...unet.units.units.values()]
        .filter(({ path }) => !isActivation(path))
        .map(({ path, parent, outputs }) => [path, parent, outputs.length]);
    expect(summary(a)).toEqual(summary(b));
    expect(skipsOf(a)).toEqual(threeBlocks);
    expect(skipsOf(b)).toEqual(threeBlocks);
  });

  test.each(["tiny-text-ts-static", "tiny-sd-dynamo"])(
    "strips a wrapper's prefix in %s",
    async (name) => {
      const roots = new Set(
        paths(await fixtureUnet(name)).map((path) => path.split(".")[0]),
      );
      expect([...roots].sort()).toEqual(
        ["conv_act", "conv_in", "conv_norm_out", "conv_out", "down_blocks", "mid_block", "up_blocks"], // prettier-ignore
      );
    },
  );

  test.each(unetFixtures)(
    "gives every unit of %s outputs that are sample-dependent floats",
    async (name) => {
      const { units, dependencies, shapes, graph } = await fixtureUnet(name);
      for (const { path, outputs, nodes, skip } of units.units.values()) {
        expect(outputs.length, path).toBeGreaterThan(0);
        const inside = new Set(nodes);
        for (const output of outputs) {
          expect(
            dependencies.values.get(output)! & Dependency.sample,
          ).toBeTruthy();
          expect([1, 10]).toContain(shapes.get(output)!.type);
          if (!skip) expect(inside).toContain(graph.producers.get(output));
        }
      }
    },
  );

  test("keeps the time embedding's shared activation out of the first ResNet's outputs", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const first = unitOf(unet, "down_blocks.0.resnets.0");
    expect(first.outputs).toHaveLength(1);
    expect(unet.shapes.get(first.outputs[0]!)!.dims).toEqual([1, 4, 16, 16]);
    const scoped = unet.graph.nodes.filter((node) =>
      node.scopes.includes("down_blocks.0.resnets.0"),
    );
    const moved = scoped.filter(
      (node) =>
        unet.dependencies.nodes[node.index] === Dependency.timestep &&
        !first.nodes.includes(node),
    );
    expect(moved.map((node) => node.opType)).toEqual(["Sigmoid", "Mul"]);
  });

  const withoutNames = async (name: string, types: readonly string[]) => {
    const named = await fixtureUnet(name);
    const lost = named.graph.nodes.filter(
      ({ index, opType }) =>
        named.dependencies.nodes[index]! & Dependency.sample &&
        types.includes(opType),
    );
    const outputs = new Set(lost.map((node) => node.outputs[0]));
    const unet = await changedUnet(name, (model) => {
      for (const node of model.graph!.node) {
        if (outputs.has(node.output[0])) node.name = "";
      }
    });
    return { named, unet, lost };
  };

  test("places nodes without a name by their neighbours", async () => {
    const { named, unet, lost } = await withoutNames("tiny-text-ts-static", [
      "InstanceNormalization",
      "Softmax",
      "Erf",
    ]);
    expect(lost.length).toBeGreaterThan(38);
    for (const { index } of lost) {
      expect(unet.units.unitOf[index]).toBe(named.units.unitOf[index]);
    }
    expect(paths(unet)).toEqual(paths(named));
  });

  test("places a row of nodes without a name in what is around both its ends", async () => {
    const types = ["InstanceNormalization", "Reshape"];
    const { named, unet, lost } = await withoutNames("tiny-ddpm-ts", types);
    expect(lost.length).toBeGreaterThan(100);
    for (const { index } of lost) {
      const right = named.units.unitOf[index]!;
      const found = unet.units.unitOf[index]!;
      expect(`${right}.`.startsWith(found === "" ? "" : `${found}.`)).toBe(
        true,
      );
    }
    const blocks = /^(conv_in|mid_block|(down|up)_blocks\.\d(\.resnets\.\d)?)$/;
    const outputs = (from: Unet) =>
      [...from.units.units.values()]
        .filter(({ path }) => blocks.test(path))
        .map((unit) => [unit.path, unit.outputs]);
    expect(outputs(unet)).toEqual(outputs(named));
  });

  test.each([
    "tiny-text-ts",
    "tiny-text-dynamo",
    "tiny-ddpm-ts",
    "tiny-sd-ts",
    "tiny-text-ts-static",
  ])(
    "finds blocks and skips of %s by its shape where all names are gone",
    async (name) => {
      const named = await fixtureUnet(name);
      const unet = await changedUnet(name, dropAllNames);
      expect(skipsOf(unet).map(([path]) => path)).toEqual(
        skipsOf(named).map(([path]) => path),
      );
      const blocks = /^(conv_in|conv_out|mid_block|(down|up)_blocks\.\d)$/;
      const isBlock = (path: string) => blocks.test(path);
      expect(paths(unet).filter(isBlock)).toEqual(paths(named).filter(isBlock));
      // the last block reaches up to conv_out
      const last = paths(unet).filter(isBlock).at(-2);
      for (const path of paths(unet).filter(isBlock)) {
        if (path === last) continue;
        expect(unitOf(unet, path).outputs, path).toEqual(
          unitOf(named, path).outputs,
        );
      }
      for (const [path] of skipsOf(unet)) {
        expect(unitOf(unet, path).outputs).toEqual(unitOf(named, path).outputs);
      }
    },
  );

  test("refuses a graph that is no Unet and says what it found", async () => {
    const x = [value("sample", [1, 4, 8, 8]), value("timestep", [1])];
    const graph = await readModel(
      graphOf([op("Relu", ["sample"], ["a"]), op("Neg", ["a"], ["y"])], x, [
        value("y", [1, 4, 8, 8]),
      ]),
    );
    expect(() => analyseUnet(graph, { batch: 1, height: 8, width: 8 })).toThrow(
      expect.objectContaining({
        code: "model-unsupported",
        message: expect.stringMatching(/2 nodes, from Relu to Neg/) as string,
      }),
    );
  });
});

describe("analyseUnet() refuses", () => {
  test("inputs that are not known", async () => {
    const graph = await readModel(
      graphOf(
        [op("Add", ["sample", "class_labels"], ["y"])],
        [
          ...["sample", "class_labels"].map((name) =>
            value(name, [1, 4, 8, 8]),
          ),
          value("timestep", [1]),
        ],
        [value("y", [1, 4, 8, 8])],
      ),
    );
    expect(() => analyseUnet(graph, { batch: 1, height: 8, width: 8 })).toThrow(
      expect.objectContaining({
        code: "model-unsupported",
        message: expect.stringContaining(
          "input class_labels is not known; known are sample, timestep",
        ) as string,
      }),
    );
  });

  test("a graph without a sample", async () => {
    const graph = await readModel(
      graphOf([op("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2])]),
    );
    expect(() => analyseUnet(graph, { batch: 1, height: 8, width: 8 })).toThrow(
      expect.objectContaining({
        code: "model-unsupported",
        message: expect.stringMatching(/it has x$/) as string,
      }),
    );
  });

  test("sizes that the export is fixed to otherwise", async () => {
    const graph = await fixtureGraph("tiny-text-ts-static");
    const size = { batch: 2, height: 16, width: 16 };
    expect(() => analyseUnet(graph, size)).not.toThrow();
    for (const change of [{ batch: 1 }, { height: 24 }, { width: 8 }]) {
      const [[what, wanted]] = Object.entries(change) as [[string, number]];
      expect(() => analyseUnet(graph, { ...size, ...change })).toThrow(
        new RegExp(`${what} ${wanted} .*fixed to ${what} (2|16)`),
      );
    }
  });
});

describe("Unit.mainInput is the value, not a skip, on the shortest way to the output", () => {
  test.each([
    ["conv_in", "sample"],
    ["mid_block", "down_blocks.2"],
    ["up_blocks.0", "mid_block"],
    ["up_blocks.1", "up_blocks.0"],
    ["up_blocks.2", "up_blocks.1"],
    ["down_blocks.1", "down_blocks.0.downsamplers.0"],
    ["down_blocks.1.attentions.0", "down_blocks.1.resnets.0"],
    [
      "mid_block.attentions.0.transformer_blocks.0.attn2",
      "mid_block.attentions.0.transformer_blocks.0.norm2",
    ],
    ["up_blocks.1.resnets.1.skip", "down_blocks.0.downsamplers.0"],
  ])("%s reads %s", async (path, from) => {
    const unet = await fixtureUnet("tiny-text-ts");
    const { value } = unitOf(unet, path).mainInput!;
    if (from === "sample") expect(value).toBe("sample");
    else expect(unitOf(unet, from).outputs).toContain(value);
  });
});

describe("Unit.residual is what enters the last addition beside the shortcut", () => {
  test.each(unetFixtures)(
    "of every ResNet and attention of %s",
    async (name) => {
      const unet = await fixtureUnet(name);
      const { graph, units } = unet;
      const branches = [...units.units.values()].filter(({ path }) =>
        /\.(resnets|attentions)\.\d+$/.test(path),
      );
      expect(branches.length).toBeGreaterThan(4);
      for (const { path, residual, outputs } of branches) {
        expect(residual, path).toBeDefined();
        const { value, reader, slot } = residual!;
        expect(reader.inputs[slot]).toBe(value);
        expect(unet.shapes.get(value)!.dims).toEqual(
          unet.shapes.get(outputs[0]!)!.dims,
        );
        expect(units.unitsBetween(value, reader, slot)).toContain(
          `${path}:residual`,
        );
        const made = unitOf(unet, path).nodes;
        expect(made).toContain(graph.producers.get(value));
        if (path.includes("resnets")) {
          const last = units.units.get(`${path}.conv2`);
          if (last) expect(last.outputs).toEqual([value]);
        }
      }
    },
  );

  test.each(["mid_block", "down_blocks.0", "conv_in", "up_blocks.1"])(
    "and %s has none",
    async (path) => {
      const unet = await fixtureUnet("tiny-text-ts");
      expect(unitOf(unet, path).residual).toBeUndefined();
    },
  );
});

describe("nodeMacs() counts what PyTorch's counter counts", () => {
  type Counts = Record<string, { macs: number; parameters: number }>;
  const golden = JSON.parse(
    readFileSync(
      new URL("../../runtime/test/golden/macs.json", import.meta.url),
      "utf8",
    ),
  ) as Record<string, Counts>;
  test.each(Object.keys(golden).filter((name) => name.startsWith("tiny-")))(
    "in %s",
    async (name) => {
      const unet = await fixtureUnet(name);
      const { units, graph, shapes } = unet;
      const sum = (nodes: typeof graph.nodes) =>
        nodes.reduce((total, node) => total + nodeMacs(node, shapes), 0);
      const whole = golden[name]![""]!;
      expect(Math.abs(sum(graph.nodes) / whole.macs - 1)).toBeLessThan(0.02);
      let compared = 0;
      for (const [path, { macs }] of Object.entries(golden[name]!)) {
        const unit = units.units.get(path);
        if (
          !unit ||
          !/^((down|up)_blocks\.\d+(\.(resnets|attentions)\.\d+)?|mid_block|conv_in|conv_out)$/.test(
            path,
          )
        )
          continue;
        compared++;
        expect(Math.abs(sum(unit.nodes) / macs - 1), path).toBeLessThan(0.02);
      }
      expect(compared).toBeGreaterThan(10);
    },
  );
});
