import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  readAttributeProto,
  readGraphProto,
  readModelProto,
  readTensorProto,
  readValueInfoProto,
  writeAttributeProto,
  writeGraphProto,
  writeModelProto,
  writeTensorProto,
  writeValueInfoProto,
} from "../src/onnx/onnx_pb.js";
import { clone, create, decode, encode } from "../src/onnx/wire.js";
import { compiledSchema } from "../scripts/compile-schema.mjs";
import { fixtureBytes, unetFixtures } from "./fixtures.js";
import { graphOf, integers, op, readModel, value } from "./onnx-model.js";

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/** The value as protobuf writes a 64-bit integer, by definition. */
function varint(integer: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, integer);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
const field = (number: number, bytes: readonly number[]) => [
  ...varint(BigInt(number * 8 + 2)),
  ...varint(BigInt(bytes.length)),
  ...bytes,
];
const text = (characters: string) => [...new TextEncoder().encode(characters)];

describe("64-bit integers", () => {
  const exact: [bigint, number | bigint][] = [
    [int64Max, int64Max],
    [int64Max - 1n, int64Max - 1n],
    [int64Min, int64Min],
    [int64Min + 1n, int64Min + 1n],
    [-1n, -1],
    [1n, 1],
    [127n, 127],
    [128n, 128],
    [-128n, -128],
    [2n ** 28n, 2 ** 28],
    [2n ** 31n, 2 ** 31],
    [-(2n ** 31n), -(2 ** 31)],
    [2n ** 32n - 1n, 2 ** 32 - 1],
    [2n ** 32n, 2 ** 32],
    [-(2n ** 32n), -(2 ** 32)],
    [2n ** 49n, 2 ** 49],
    [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
    [1n - 2n ** 53n, Number.MIN_SAFE_INTEGER],
    [2n ** 53n, 2n ** 53n],
    [2n ** 53n + 1n, 2n ** 53n + 1n],
    [-(2n ** 53n) - 1n, -(2n ** 53n) - 1n],
  ];

  test.each(exact)("%i, in `i` and `ints` of an attribute", (integer, read) => {
    const bytes = new Uint8Array([
      ...[3 * 8, ...varint(integer)],
      ...[8 * 8, ...varint(integer), 8 * 8, ...varint(0n)],
    ]);
    const attribute = decode(readAttributeProto, bytes);
    expect(attribute).toMatchObject({ i: read, ints: [read, 0] });
    expect(encode(writeAttributeProto, attribute)).toEqual(bytes);
  });

  test.each(exact)("%i, in a tensor's typed field", (integer, read) => {
    const packed = [...varint(integer), ...varint(0n), ...varint(integer)];
    const bytes = new Uint8Array(field(7, packed));
    const tensor = decode(readTensorProto, bytes);
    expect(tensor.int64_data).toEqual([read, 0, read]);
    expect(encode(writeTensorProto, tensor)).toEqual(bytes);
  });

  test("2^64 - 1, unsigned", () => {
    const bytes = new Uint8Array(field(11, varint(2n ** 64n - 1n)));
    const tensor = decode(readTensorProto, bytes);
    expect(tensor.uint64_data).toEqual([2n ** 64n - 1n]);
    expect(encode(writeTensorProto, tensor)).toEqual(bytes);
  });

  test("of lists that an exporter packed", () => {
    const packed = new Uint8Array(field(8, [...varint(int64Max), 5]));
    const { ints } = decode(readAttributeProto, packed);
    expect(ints).toEqual([int64Max, 5]);
  });
});

describe("decode() and encode() keep", () => {
  test.each([NaN, -0, 1.5, -Infinity])("the float %d", (f) => {
    const attribute = create(readAttributeProto, { f });
    const bytes = encode(writeAttributeProto, attribute);
    expect(bytes).toHaveLength(5);
    expect(decode(readAttributeProto, bytes).f).toBe(f);
  });
  test("an empty string attribute, and none", () => {
    for (const s of [new Uint8Array(0), undefined]) {
      const bytes = encode(
        writeAttributeProto,
        create(readAttributeProto, { s }),
      );
      expect(decode(readAttributeProto, bytes).s).toEqual(s);
    }
  });
  test("dimensions: a size, none at all, a name, and zero", () => {
    const info = value("v", [3, "n", 0, ""]);
    const bytes = encode(writeValueInfoProto, info);
    const { type } = decode(readValueInfoProto, bytes);
    expect(
      type!.tensor_type!.shape!.dim.map((dim) => [
        dim.dim_value,
        dim.dim_param,
      ]),
    ).toEqual([
      [3, ""],
      [-1, "n"],
      [0, ""],
      [-1, ""],
    ]);
  });
  test("a scalar's shape apart from no shape", () => {
    const bytes = encode(writeValueInfoProto, value("v", []));
    const { type } = decode(readValueInfoProto, bytes);
    expect(type!.tensor_type!.shape).toEqual({ dim: [] });
  });
  test("names of every script and length", () => {
    for (const name of ["ä", "層", "🛶", "long ".repeat(60) + "層🛶"]) {
      const bytes = encode(
        writeGraphProto,
        create(readGraphProto, {
          name,
          node: [op("Relu", [name, ""], [name])],
        }),
      );
      const graph = decode(readGraphProto, bytes);
      expect(graph.name).toBe(name);
      expect(graph.node[0]!.input).toEqual([name, ""]);
    }
  });
  test("sparse tensors, byte for byte", () => {
    const bytes = new Uint8Array([
      ...field(1, text("sparse_value")),
      ...field(22, [10, 2, 8, 1]),
    ]);
    const attribute = decode(readAttributeProto, bytes);
    expect(encode(writeAttributeProto, attribute)).toEqual(bytes);
  });
  test.each(unetFixtures)("all of %s", (name) => {
    const model = decode(readModelProto, fixtureBytes(name));
    const again = decode(readModelProto, encode(writeModelProto, model));
    expect(again).toEqual(model);
  });
});

test("decode() gives bytes as views", () => {
  const bytes = new Uint8Array(field(9, [1, 2, 3, 4]));
  const { raw_data } = decode(readTensorProto, bytes);
  expect(raw_data).toEqual(new Uint8Array([1, 2, 3, 4]));
  expect(raw_data!.buffer).toBe(bytes.buffer);
  expect(raw_data!.byteOffset).toBe(2);
});

test("encode() keeps no memory beyond its bytes", () => {
  const bytes = encode(writeTensorProto, integers("t", [1, 2, 3]));
  expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
});

describe("decode() refuses", () => {
  const deep = encode(
    writeGraphProto,
    graphOf(
      [
        op("If", ["c"], ["y"], {
          then_branch: graphOf(
            [op("Relu", ["x"], ["y"], { axes: [1, -1] })],
            [],
            [value("y", [1, "n"])],
            [integers("ends", [Number.MAX_SAFE_INTEGER])],
          ),
        }),
      ],
      [],
      [],
    ),
  );
  test("a graph cut anywhere but between its own fields", () => {
    let whole = 0;
    for (let length = 0; length < deep.length; length++) {
      const cut = deep.subarray(0, length);
      try {
        decode(readGraphProto, cut);
        whole += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
    expect(whole).toBe(2); // nothing at all, and the node without the graph's name
  });
  test.each<[string, number[], RegExp]>([
    ["a field that ONNX does not have", [...varint(30n * 8n), 1], /field 30/],
    ["a field numbered 0", [0, 0], /without a number/],
    ["a group", [1 * 8 + 3, 1 * 8 + 4], /wire type 3/],
    ["a string longer than its message", [1 * 8 + 2, 5, 97], /beyond/],
    ["a string that is an integer", [1 * 8, 3, 97, 97, 97], /malformed|beyond/],
    ["a message that is an integer", [5 * 8, 9, 2 * 8, 1], /malformed/],
    [
      "an integer of 11 bytes",
      [3 * 8, ...Array<number>(10).fill(255), 1],
      /64 bits/,
    ],
    ["an integer without an end", [3 * 8, 255, 255], /within an integer/],
    [
      "a packed list whose last integer is cut",
      [...field(8, [1, 128]), 3 * 8, 1],
      /malformed/,
    ],
    ["a float of three bytes", [2 * 8 + 5, 0, 0, 0], /beyond/],
    [
      "a message in a message that is longer than it",
      field(5, [8 * 8 + 2, 9, 97]),
      /beyond/,
    ],
  ])("%s", (_, bytes, says) => {
    expect(() => decode(readAttributeProto, new Uint8Array(bytes))).toThrow(
      says,
    );
  });
});

test("loadGraph() refuses sparse weights", async () => {
  const graph = graphOf(
    [op("Relu", ["x"], ["y"])],
    [value("x", [1])],
    [value("y", [1])],
  );
  graph.sparse_initializer.push(new Uint8Array([10, 0]));
  await expect(readModel(graph)).rejects.toMatchObject({
    code: "model-unsupported",
  });
});

test("clone() shares bytes and nothing else", () => {
  const tensor = create(readTensorProto, { raw_data: new Uint8Array(4) });
  const node = op("Constant", [], ["c"], { value: tensor });
  const copy = clone(node);
  expect(copy).toEqual(node);
  copy.output[0] = "d";
  copy.attribute[0]!.t!.dims.push(7);
  expect(node.output).toEqual(["c"]);
  expect(tensor.dims).toEqual([]);
  expect(copy.attribute[0]!.t!.raw_data).toBe(tensor.raw_data);
});

test("onnx_pb.js and onnx_pb.d.ts are what the schema compiles to", () => {
  const file = (name: string) =>
    readFileSync(new URL(`../src/onnx/${name}`, import.meta.url), "utf8");
  const { code, types } = compiledSchema();
  expect(file("onnx_pb.js")).toBe(code);
  expect(file("onnx_pb.d.ts")).toBe(types);
});
