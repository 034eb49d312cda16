import { describe, expect, test } from "vitest";
import { inferShapes } from "../src/shapes/infer.js";
import { AttributeProtoAttributeType as Kind } from "../src/onnx/onnx_pb.js";
import { ElementType } from "../src/onnx/types.js";
import {
  external,
  graphOf,
  integers,
  localFunction,
  op,
  readModel,
  value,
  weight,
} from "./onnx-model.js";

const x = value("x", [2, 3]);
const y = value("y", [2, 3]);
const relu = graphOf([op("Relu", ["x"], ["y"])], [x], [y]);

describe("loadGraph() refuses operator sets that are not known", () => {
  test.each([
    [{ "": 8 }, /version 9 to 25: it needs 8/],
    [{ "": 26 }, /it needs 26/],
    [{ "ai.onnx": 99 }, /it needs 99/],
  ])("%j", async (opsets, says) => {
    const read = readModel(relu, { opsets: opsets });
    await expect(read).rejects.toMatchObject({
      code: "model-unsupported",
      message: expect.stringMatching(says) as string,
    });
  });

  const far = { "": 17, "org.pytorch.aten": 1 };

  test("and says which one a node needs", async () => {
    const graph = graphOf(
      [op("org.pytorch.aten:ATen", ["x"], ["y"])],
      [x],
      [y],
    );
    await expect(readModel(graph, { opsets: far })).rejects.toMatchObject({
      code: "model-unsupported",
      message: expect.stringMatching(
        /operator set "org.pytorch.aten"/,
      ) as string,
    });
  });

  test("but lets those be that no node needs", async () => {
    expect((await readModel(relu, { opsets: far })).nodes).toHaveLength(1);
  });

  test("but takes com.microsoft's and those of local functions", async () => {
    const twice = localFunction(
      "mine",
      "Twice",
      ["a"],
      ["b"],
      [op("Add", ["a", "a"], ["b"])],
    );
    const opsets = { "": 17, "com.microsoft": 1, mine: 1 };
    const graph = graphOf([op("mine:Twice", ["x"], ["y"])], [x], [y]);
    const { nodes } = await readModel(graph, { opsets, functions: [twice] });
    expect(nodes.map((node) => node.opType)).toEqual(["Add"]);
  });
});

describe("loadGraph() refuses external data outside the model's folder", () => {
  const at = (entries: Record<string, string>, dims = [2, 3]) =>
    readModel(
      graphOf(
        [op("Add", ["x", "w"], ["y"])],
        [x],
        [y],
        [external("w", dims, entries)],
      ),
    );
  test.each([
    "",
    "../w.bin",
    "weights/../../w.bin",
    "/etc/passwd",
    "C:\\w.bin",
    "..\\w.bin",
    "%2e%2e/w.bin",
    "%2E./w.bin",
    "a%2f..%2f..%2fw.bin",
    "a%5c..%5cw.bin",
    "file:///etc/passwd",
    "https://example.com/w.bin",
    "w.bin?x=1",
    "w\0.bin",
  ])("%j", async (location) => {
    await expect(at({ location })).rejects.toMatchObject({
      code: "model-invalid",
      message: expect.stringContaining(location) as string,
    });
  });

  test.each(["weights.bin", "./weights.bin", "parts/weights-0.bin", "a..b"])(
    "but takes %j",
    async (location) => {
      const graph = await at({ location, offset: "64", length: "24" });
      expect(graph.weights.get("w")!.data).toEqual({
        location: location.replace("./", ""),
        offset: 64,
        length: 24,
      });
    },
  );

  test.each([
    [{ offset: "-4" }, /offset/],
    [{ offset: "1.5" }, /offset/],
    [{ offset: "none" }, /offset/],
    [{ length: "20" }, /must hold 24 bytes: it holds 20/],
    [{ length: "9999" }, /must hold 24 bytes: it holds 9999/],
  ])("and a wrong place in it, %j", async (entries, says) => {
    await expect(at({ location: "w.bin", ...entries })).rejects.toMatchObject({
      code: "model-invalid",
      message: expect.stringMatching(says) as string,
    });
  });
});

describe("loadGraph() refuses weights whose data have another length than their shape", () => {
  const short = (dims: readonly number[], bytes: number) =>
    Object.assign(weight("w", dims), { raw_data: new Uint8Array(bytes) });
  test.each([
    ["a large one with raw data", short([64, 64], 64 * 64 * 4 - 4)],
    ["a small one with raw data", short([2, 3], 20)],
    ["one without data", short([2, 3], 0)],
    ["a small one with typed fields", integers("w", [1, 2], [3])],
  ])("%s", async (_, tensor) => {
    const graph = graphOf([op("Add", ["x", "w"], ["y"])], [x], [y], [tensor]);
    await expect(readModel(graph)).rejects.toMatchObject({
      code: "model-invalid",
      message: expect.stringMatching(/weight w must hold \d+ bytes/) as string,
    });
  });

  test("but takes empty ones", async () => {
    const empty = integers("roi", [], [0]);
    const graph = graphOf(
      [op("Relu", ["x"], ["y"])],
      [x],
      [y],
      [empty, weight("w", [0, 3])],
    );
    expect((await readModel(graph)).weights.size).toBe(2);
  });
});

describe("loadGraph() writes local functions out", () => {
  const ref = (name: string, kind: number) => ({ ref: name, kind });
  const scaled = localFunction(
    "mine",
    "Joined",
    ["a", "b"],
    ["c"],
    [
      op("Concat", ["a", "b"], ["joined"], { axis: ref("along", Kind.INT) }),
      op("mine:Doubled", ["joined"], ["c"]),
    ],
    ["along"],
  );
  const doubled = localFunction(
    "mine",
    "Doubled",
    ["a"],
    ["c"],
    [op("Add", ["a", "a"], ["joined"]), op("Relu", ["joined"], ["c"])],
  );
  const functions = [scaled, doubled];
  const opsets = { "": 17, mine: 1 };

  test("with references to attributes, nested calls and names of their own", async () => {
    const graph = await readModel(
      graphOf(
        [
          op("mine:Joined", ["x", "x"], ["first"], { along: 1 }, "one"),
          op("mine:Joined", ["first", "first"], ["y"], { along: 0 }, "two"),
        ],
        [x],
        [value("y", [4, 6])],
      ),
      { functions, opsets },
    );
    expect(graph.nodes.map((node) => node.opType)).toEqual(
      ["Concat", "Add", "Relu", "Concat", "Add", "Relu"], // prettier-ignore
    );
    const outputs = graph.nodes.flatMap((node) => node.outputs);
    expect(new Set(outputs).size).toBe(6);
    const shapes = inferShapes(graph, new Map([["x", [2, 3]]]));
    expect(shapes.get("first")!.dims).toEqual([2, 6]);
    expect(shapes.get("y")!.dims).toEqual([4, 6]);
  });

  test("with attributes that no call gives", async () => {
    const soft = localFunction(
      "mine",
      "Soft",
      ["a"],
      ["b"],
      [op("Softmax", ["a"], ["b"], { axis: ref("along", Kind.INT) })],
      ["along"],
    );
    const call = op("mine:Soft", ["x"], ["y"]);
    const { nodes } = await readModel(graphOf([call], [x], [y]), {
      functions: [soft],
      opsets,
    });
    expect([...nodes[0]!.attributes.keys()]).toEqual([]);
  });

  test("and refuses one that calls itself", async () => {
    const again = localFunction(
      "mine",
      "Again",
      ["a"],
      ["b"],
      [op("mine:Again", ["a"], ["b"])],
    );
    const graph = graphOf([op("mine:Again", ["x"], ["y"])], [x], [y]);
    const read = readModel(graph, { functions: [again], opsets });
    await expect(read).rejects.toMatchObject({
      code: "model-invalid",
      message: expect.stringMatching(/Again must not call itself/) as string,
    });
  });

  test("also inside the branches of an If", async () => {
    const out = value("z", [2, 3]);
    const branch = (type: string) =>
      graphOf([op(type, ["x"], ["z"])], [], [out]);
    const graph = await readModel(
      graphOf(
        [
          op("If", ["flag"], ["y"], {
            then_branch: branch("mine:Doubled"),
            else_branch: branch("Neg"),
          }),
        ],
        [x, value("flag", [], ElementType.BOOL)],
        [y],
      ),
      { functions, opsets },
    );
    const then = graph.nodes[0]!.attributes.get("then_branch")!.g!;
    expect(then.node.map((node) => node.op_type)).toEqual(["Add", "Relu"]);
    expect(graph.nodes[0]!.captured).toEqual(["x"]);
  });
});

describe("loadGraph() knows what the bodies of an If read", () => {
  const flag = value("flag", [], ElementType.BOOL);
  const out = value("z", [2, 3]);
  const inner = graphOf(
    [op("Mul", ["w", "local"], ["z"])],
    [],
    [value("z", [2, 3])],
  );
  const deep = graphOf(
    [
      op("Add", ["h", "h"], ["local"]),
      op("If", ["flag"], ["z"], { then_branch: inner, else_branch: inner }),
    ],
    [],
    [out],
  );
  const flat = graphOf([op("Neg", ["shared"], ["z"])], [], [out]);

  test("through nested bodies, aliases and names of their own", async () => {
    const { nodes, consumers, weights } = await readModel(
      graphOf(
        [
          op("Relu", ["x"], ["h"]),
          op("Identity", ["w"], ["shared"]),
          op("If", ["flag"], ["y"], { then_branch: deep, else_branch: flat }),
        ],
        [x, flag],
        [y],
        [weight("w", [2, 3])],
      ),
    );
    const made = new Set(nodes.flatMap((node) => node.outputs));
    const branching = nodes.find((node) => node.opType === "If")!;
    const known = (name: string) =>
      made.has(name) || weights.has(name) || name === "flag";
    expect(branching.captured.every(known)).toBe(true);
    expect(branching.captured).toEqual(
      expect.arrayContaining(["h", "w", "shared", "flag"]),
    );
    expect(consumers.get("h")).toContainEqual(branching);
  });
});

test("loadGraph() refuses a graph with a cycle and names a node of it", async () => {
  const nodes = [
    op("Add", ["x", "b"], ["a"], {}, "first"),
    op("Relu", ["a"], ["b"], {}, "second"),
    op("Relu", ["x"], ["y"]),
  ];
  await expect(readModel(graphOf(nodes, [x], [y]))).rejects.toMatchObject({
    code: "model-invalid",
    message: expect.stringMatching(/cycle at first/) as string,
  });
});

test("loadGraph() puts nodes in an order in which they can run", async () => {
  const nodes = [
    op("Relu", ["b"], ["y"]),
    op("Neg", ["a"], ["b"]),
    op("Abs", ["x"], ["a"]),
  ];
  const graph = await readModel(graphOf(nodes, [x], [y]));
  expect(graph.nodes.map((node) => node.opType)).toEqual([
    "Abs",
    "Neg",
    "Relu",
  ]);
  expect(graph.nodes.map((node) => node.index)).toEqual([0, 1, 2]);
});

test("loadGraph() turns constants and their aliases into weights", async () => {
  const nodes = [
    op("Constant", [], ["a"], { value: integers("", [4], []) }),
    op("Constant", [], ["b"], { value_float: { float: 0.5 } }),
    op("Constant", [], ["c"], { value_ints: [2, 3] }),
    op("Identity", ["b"], ["half"]),
    op("Identity", ["half"], ["alias"]),
    op("Mul", ["x", "alias"], ["y"]),
  ];
  const graph = await readModel(graphOf(nodes, [x], [y]));
  expect([...graph.weights.keys()]).toEqual(["a", "b", "c"]);
  expect(graph.nodes.map((node) => node.inputs)).toEqual([["x", "b"]]);
});
