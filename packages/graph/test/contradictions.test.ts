// Files that contradict themselves, or claim more than they hold: each is read, or refused in documented words,
// in the time and memory that its own size asks for.

import { describe, expect, test } from "vitest";
import { PhaseskipError } from "../src/errors.js";
import type { GraphProto, ModelProto, NodeProto } from "../src/onnx/onnx_pb.js";
import {
  readStringStringEntryProto,
  readTensorProto,
} from "../src/onnx/onnx_pb.js";
import { ElementType } from "../src/onnx/types.js";
import { create } from "../src/onnx/wire.js";
import type { Unet } from "../src/unet.js";
import { analyseUnet } from "../src/unet.js";
import { changedUnet } from "./fixtures.js";
import {
  graphOf,
  integers,
  localFunction,
  op,
  readModel,
  value,
  weight,
} from "./onnx-model.js";

const size = { batch: 1, height: 4, width: 4, channels: 2 };

/** A Unet of one block, with nodes between its input and its output. */
function around(
  nodes: NodeProto[],
  weights: GraphProto["initializer"] = [],
): GraphProto {
  return graphOf(
    [
      op("Relu", ["sample"], ["x"], {}, "/conv_in/Relu"),
      ...nodes,
      op("Relu", ["x"], ["out_sample"], {}, "/conv_out/Relu"),
    ],
    [value("sample", [1, 2, 4, 4]), value("timestep", [1], ElementType.INT64)],
    [value("out_sample", [1, 2, 4, 4])],
    weights,
  );
}

const unet = async (
  graph: GraphProto,
  options?: Parameters<typeof readModel>[1],
): Promise<Unet> => analyseUnet(await readModel(graph, options), size);

async function refused(
  graph: GraphProto,
  says: RegExp,
  options?: Parameters<typeof readModel>[1],
): Promise<void> {
  const error: unknown = await unet(graph, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(PhaseskipError);
  const { code, message } = error as PhaseskipError;
  expect(code).toMatch(/^model-(invalid|unsupported)$/);
  expect(message).toMatch(says);
}

const scopes = (model: ModelProto, change: (paths: string[]) => string[]) => {
  for (const node of model.graph!.node) {
    for (const entry of node.metadata_props) {
      if (entry.key !== "pkg.torch.onnx.name_scopes") continue;
      const paths = [...entry.value.matchAll(/'([^']*)'/g)].map((m) => m[1]!);
      entry.value = `[${change(paths)
        .map((path) => `'${path}'`)
        .join(", ")}]`;
    }
  }
};

describe("modules that lie within themselves", () => {
  test("a module named twice in a row is the same module once", async () => {
    const whole = await changedUnet("tiny-text-dynamo", () => {});
    const twice = await changedUnet("tiny-text-dynamo", (model) =>
      scopes(model, (paths) =>
        paths.flatMap((path) =>
          path.endsWith("resnets.0") ? [path, path] : [path],
        ),
      ),
    );
    expect([...twice.units.units.keys()]).toEqual([
      ...whole.units.units.keys(),
    ]);
  });

  test("two modules, each inside the other in turn, keep one order", async () => {
    let turn = 0;
    const { units } = await changedUnet("tiny-text-dynamo", (model) =>
      scopes(model, (paths) => {
        const [first, second, ...rest] = paths.slice(1, -1);
        if (second === undefined || turn++ % 2 === 0) return paths;
        return [paths[0]!, second, first!, ...rest, paths.at(-1)!];
      }),
    );
    expect(units.units.has("down_blocks.0")).toBe(true);
    for (const unit of units.units.values()) {
      const seen = new Set<string>();
      for (
        let at = unit.path;
        at !== "";
        at = units.units.get(at)?.parent ?? ""
      ) {
        expect(seen.has(at)).toBe(false);
        seen.add(at);
      }
    }
  });

  test.each([
    ["a slash", "/a".repeat(70_000)],
    ["quotes that never end", ""],
  ])("names of %s by the ten thousand", async (_, name) => {
    const node = op("Relu", ["x"], ["y"], {}, `${name}/Relu`);
    if (name !== "") return refused(around([node]), /64 deep/);
    node.metadata_props = [
      create(readStringStringEntryProto, {
        key: "pkg.torch.onnx.name_scopes",
        value: `'${"\\'".repeat(200_000)}`,
      }),
    ];
    expect((await unet(around([node]))).units.units.has("conv_in")).toBe(true);
  });

  test("a chain of modules, each inside the next", () => {
    const nodes = Array.from({ length: 100 }, (_, i) => {
      const node = op("Relu", ["x"], [`y${i}`]);
      const list = `['', 'm${i}', 'm${i + 1}', 'relu']`;
      node.metadata_props = [
        create(readStringStringEntryProto, {
          key: "pkg.torch.onnx.name_scopes",
          value: list,
        }),
      ];
      return node;
    });
    return refused(around(nodes.reverse()), /64 deep/);
  });
});

describe("values and nodes that lead back to themselves, or nowhere", () => {
  test.each<[string, NodeProto[], RegExp]>([
    ["a node reads itself", [op("Add", ["x", "y"], ["y"])], /cycle/],
    [
      "two nodes read one another",
      [op("Add", ["x", "z"], ["y"]), op("Relu", ["y"], ["z"])],
      /cycle/,
    ],
    [
      "a value is made twice",
      [op("Relu", ["x"], ["y"]), op("Neg", ["y"], ["y"])],
      /y must be made once/,
    ],
    [
      "an input is made",
      [op("Relu", ["x"], ["timestep"])],
      /must be made once/,
    ],
    [
      "nothing makes a value",
      [op("Add", ["x", "gone"], ["y"])],
      /nothing makes/,
    ],
    [
      "a body leads back to its node",
      [
        op("Greater", ["timestep", "timestep"], ["late"]),
        op("If", ["late"], ["y"], {
          then_branch: graphOf(
            [op("Relu", ["y"], ["z"])],
            [],
            [value("z", [])],
          ),
          else_branch: graphOf(
            [op("Relu", ["x"], ["z"])],
            [],
            [value("z", [])],
          ),
        }),
      ],
      /cycle/,
    ],
    [
      "a body gives what nothing makes",
      [
        op("Greater", ["timestep", "timestep"], ["late"]),
        op("If", ["late"], ["y"], {
          then_branch: graphOf([], [], [value("gone", [])]),
          else_branch: graphOf([], [], [value("x", [])]),
        }),
      ],
      /nothing makes/,
    ],
    [
      "an output that the operator does not have is read",
      [op("Relu", ["x"], ["y", "second"]), op("Relu", ["second"], ["z"])],
      /output 1/,
    ],
  ])("%s", (_, nodes, says) => refused(around(nodes), says));

  test("a hundred thousand nodes in the wrong order are put right", async () => {
    const names = Array.from({ length: 100_001 }, (_, i) => `v${i}`);
    const nodes = names
      .slice(1)
      .map((name, i) => op("Relu", [i === 0 ? "x" : names[i]!], [name]));
    const graph = await readModel(around(nodes.reverse()));
    expect(graph.nodes.at(-1)!.outputs).toEqual(["out_sample"]);
    expect(graph.nodes).toHaveLength(100_002);
  });
});

describe("functions and bodies", () => {
  const call = (name: string) => op(`my:${name}`, ["a"], ["b"]);
  const options = (bodies: Record<string, NodeProto[]>) => ({
    opsets: { "": 17, my: 1 },
    functions: Object.entries(bodies).map(([name, nodes]) =>
      localFunction("my", name, ["a"], ["b"], nodes),
    ),
  });

  test.each<[string, Record<string, NodeProto[]>, RegExp]>([
    [
      "functions that call one another",
      { f0: [call("f1")], f1: [call("f0")] },
      /must not call itself/,
    ],
    [
      "functions that call the next ten times, thirty times over",
      Object.fromEntries(
        Array.from({ length: 30 }, (_, i) => [
          `f${i}`,
          Array.from({ length: 10 }, (__, k) =>
            op(i < 29 ? `my:f${i + 1}` : "Relu", ["a"], [k ? `b${k}` : "b"]),
          ),
        ]),
      ),
      /at most 32768 nodes: current value is 1\.1\d+e\+30/,
    ],
    [
      "ten thousand functions in a row",
      Object.fromEntries(
        Array.from({ length: 10_000 }, (_, i) => [
          `f${i}`,
          [i < 9_999 ? call(`f${i + 1}`) : op("Relu", ["a"], ["b"])],
        ]),
      ),
      /at most 100 others in a row/,
    ],
  ])("%s", (_, bodies, says) =>
    refused(around([op("my:f0", ["x"], ["y"])]), says, options(bodies)),
  );

  test("bodies a hundred deep", () => {
    let body = graphOf([op("Relu", ["x"], ["z"])], [], [value("z", [])]);
    for (let depth = 0; depth < 100; depth++) {
      const branches = { then_branch: body, else_branch: body };
      if (depth > 0) branches.else_branch = graphOf([], [], [value("x", [])]);
      body = graphOf(
        [op("If", ["late"], ["z"], branches)],
        [],
        [value("z", [])],
      );
    }
    const nodes = [
      op("Greater", ["timestep", "timestep"], ["late"]),
      op("If", ["late"], ["y"], { then_branch: body, else_branch: body }),
    ];
    return refused(around(nodes), /deep in one another/);
  });
});

describe("counts, sizes and strings that claim more than the file holds", () => {
  const tensor = (name: string, dims: (number | bigint)[]) =>
    create(readTensorProto, {
      name,
      data_type: ElementType.FLOAT,
      dims,
      raw_data: new Uint8Array(8),
    });
  const wide = Array.from({ length: 40 }, (_, i) =>
    op("Concat", Array<string>(2).fill(i ? `c${i - 1}` : "two"), [`c${i}`], {
      axis: 0,
    }),
  );

  test.each<[string, NodeProto[], GraphProto["initializer"], RegExp]>([
    ["negative sizes", [], [tensor("w", [-1, -2])], /sizes of 0 or more/],
    ["sizes beyond any", [], [tensor("w", [2n ** 62n, 4])], /sizes of 0/],
    ["a hundred axes", [], [tensor("w", Array<number>(100).fill(1))], /sizes/],
    [
      "a weight of strings",
      [],
      [create(readTensorProto, { name: "w", data_type: ElementType.STRING })],
      /must hold numbers/,
    ],
    [
      "an equation of a hundred thousand letters",
      [op("Einsum", ["x"], ["y"], { equation: "a".repeat(100_000) })],
      [],
      /equation of 100000/,
    ],
    [
      "a new shape that is negative",
      [op("Reshape", ["x", "s"], ["y"])],
      [integers("s", [-8, -4])],
      /would be|cannot become/,
    ],
    [
      "a window wider than what it slides over",
      [op("MaxPool", ["x"], ["y"], { kernel_shape: [9, 9] })],
      [],
      /would be/,
    ],
    [
      "a convolution of weights without axes",
      [op("Conv", ["x", "w"], ["y"])],
      [weight("w", [])],
      /convolution/,
    ],
  ])("%s", (_, nodes, weights, says) => refused(around(nodes, weights), says));

  test.each<[string, NodeProto[], GraphProto["initializer"], string, number[]]>(
    [
      [
        "a range to the end of the numbers",
        [op("Range", ["zero", "most", "one"], ["y"])],
        [
          integers("zero", [0], []),
          integers("one", [1], []),
          integers("most", [2 ** 52], []),
        ],
        "y",
        [2 ** 52],
      ],
      [
        "axes that are long and empty at once",
        [op("ConstantOfShape", ["s"], ["y"]), op("Neg", ["y"], ["z"])],
        [integers("s", [2 ** 31, 0])],
        "z",
        [2 ** 31, 0],
      ],
      [
        "joins that double, forty times",
        wide,
        [integers("two", [1, 2])],
        "c39",
        [2 ** 41],
      ],
    ],
  )(
    "%s: true, if useless, and known by its shape",
    async (_, nodes, weights, made, dims) => {
      const { shapes } = await unet(around(nodes, weights));
      expect(shapes.get(made)!.dims).toEqual(dims);
    },
  );

  test("a thousand constants of four thousand elements each, from shapes alone", () => {
    const nodes = Array.from({ length: 1000 }, (_, i) =>
      op("ConstantOfShape", ["s"], [`y${i}`]),
    );
    return refused(around(nodes, [integers("s", [4096])]), /shapes alone/);
  });
});

test("integers that nothing can be, of divisions by zero and overflows, follow from no shape", async () => {
  const { shapes } = await unet(
    around(
      [
        op("Div", ["zero", "zero"], ["none"]),
        op("Mod", ["one", "zero"], ["rest"]),
        op("Div", ["one", "zero"], ["endless"]),
        op("Mul", ["large", "large"], ["larger"]),
        op("Sub", ["one", "zero"], ["known"]),
      ],
      [
        integers("zero", [0]),
        integers("one", [1]),
        integers("large", [2 ** 40]),
      ],
    ),
  );
  for (const name of ["none", "rest", "endless", "larger"])
    expect([name, shapes.get(name)?.data]).toEqual([name, undefined]);
  expect(shapes.get("known")?.data).toEqual([1]);
});
