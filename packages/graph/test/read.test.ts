import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ByteSource } from "../src/byte-source.js";
import { bytesSource } from "../src/byte-source.js";
import { PhaseskipError } from "../src/errors.js";
import { loadGraph } from "../src/load/load-graph.js";
import { inlineLimit, readOnnx } from "../src/onnx/read.js";
import { tensorBytes, tensorValues } from "../src/onnx/tensor.js";
import type { TensorProto } from "../src/onnx/onnx_pb.js";
import { ElementType } from "../src/onnx/types.js";
import { fixtureBytes } from "./fixtures.js";
import {
  graphOf,
  integers,
  modelBytes,
  op,
  value,
  weight,
} from "./onnx-model.js";

const text = (characters: string) => new TextEncoder().encode(characters);

async function failure(bytes: Uint8Array): Promise<unknown> {
  return loadGraph(bytesSource(bytes)).then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function expectInvalid(bytes: Uint8Array, says?: RegExp): Promise<void> {
  const error = await failure(bytes);
  expect(error).toBeInstanceOf(PhaseskipError);
  expect(error).toMatchObject({ code: "model-invalid" });
  if (says) expect((error as Error).message).toMatch(says);
}

describe("readOnnx() refuses what is no whole ONNX model", () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 3000000\n`;
  test.each([
    ["an empty file", new Uint8Array(0), /empty/],
    ["JSON", text('{"error": "not found"}'), /JSON/],
    ["a web page", text("\n<!DOCTYPE html><html></html>"), /web page/],
    ["a Git LFS pointer", text(pointer), /LFS/],
    [
      "a PNG",
      Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72),
      undefined,
    ],
    [
      "a safetensors file",
      fixtureBytes("tiny-sd-ts", "unet/weights.pb"),
      undefined,
    ],
    ["zeros", new Uint8Array(4096), undefined],
    [
      "a model without nodes",
      modelBytes(graphOf([], [], [])),
      /no graph with nodes/,
    ],
  ])("%s", (_, bytes, says) => expectInvalid(bytes, says));

  test("random bytes", () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        expectInvalid(bytes),
      ),
      { seed: 1, numRuns: 300 },
    ));

  test.each(["tiny-text-ts", "tiny-text-dynamo"])(
    "%s, cut anywhere",
    async (name) => {
      const bytes = fixtureBytes(name);
      const lengths = new Set<number>();
      for (let length = 0; length < bytes.length; length += 997)
        lengths.add(length);
      for (let back = 1; back < 200; back++) lengths.add(bytes.length - back);
      for (const length of lengths)
        await expectInvalid(bytes.subarray(0, length));
    },
  );

  test("a fixture with bytes overwritten: a graph, or one clear error", async () => {
    const bytes = fixtureBytes("tiny-text-ts-static");
    const places = fc.array(
      fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(places, async (changes) => {
        const changed = bytes.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        const error = await failure(changed);
        if (error !== undefined) expect(error).toBeInstanceOf(PhaseskipError);
      }),
      { seed: 2, numRuns: 60 },
    );
  });
});

test("readOnnx() hands on what its source failed with", async () => {
  const bytes = fixtureBytes("tiny-text-ts-static");
  const lost = new PhaseskipError("fetch-failed", "Cannot fetch a chunk");
  for (const reason of [lost, new DOMException("stopped", "AbortError")]) {
    const source: ByteSource = {
      size: bytes.length,
      read: (offset, length) =>
        offset > 1000
          ? Promise.reject(reason)
          : Promise.resolve(bytes.subarray(offset, offset + length)),
    };
    await expect(readOnnx(source)).rejects.toBe(reason);
  }
});

test("readOnnx() never reads a large weight", async () => {
  const bytes = modelBytes(
    graphOf(
      [op("Add", ["x", "w"], ["y"])],
      [value("x", [64, 64])],
      [value("y", [64, 64])],
      [weight("w", [64, 64])],
    ),
  );
  let read = 0;
  const inner = bytesSource(bytes);
  const { model, ranges } = await readOnnx({
    size: bytes.length,
    read: (offset, length) => {
      read = Math.max(read, length);
      return inner.read(offset, length);
    },
  });
  const range = ranges.get("w")!;
  expect(range).toMatchObject({ location: "", length: 64 * 64 * 4 });
  expect(model.graph!.initializer[0]!.raw_data).toBeUndefined();
  const floats = new Float32Array(
    bytes.slice(range.offset, range.offset + range.length).buffer,
  );
  expect(floats.every((element) => element === 1)).toBe(true);
});

test.each(["tiny-text-ts", "tiny-text-dynamo-f16"])(
  "every weight of %s is small and inside, or a range of a file",
  async (name) => {
    const { weights } = await loadGraph(bytesSource(fixtureBytes(name)));
    const files = new Map<string, number>();
    for (const { data, byteLength } of weights.values()) {
      if ("data_type" in data) {
        expect(byteLength).toBeLessThanOrEqual(inlineLimit);
        expect(tensorBytes(data)).toHaveLength(byteLength);
      } else {
        const { location, offset, length } = data;
        expect(length).toBe(byteLength);
        if (!files.has(location)) {
          const file = `unet/${location || "model.onnx"}`;
          files.set(location, fixtureBytes(name, file).length);
        }
        expect(offset + length).toBeLessThanOrEqual(files.get(location)!);
      }
    }
    const inside = name === "tiny-text-ts" ? [""] : ["unet.bin"];
    expect([...files.keys()]).toEqual(inside);
  },
);

describe("tensorValues() reads typed fields as raw data", () => {
  const { FLOAT, DOUBLE, INT64, INT32, BOOL, UINT8, INT8, FLOAT16, UINT64 } =
    ElementType;
  const tensorOf = (data_type: ElementType, fields: Partial<TensorProto>) =>
    Object.assign(integers("t", []), { data_type }, fields);
  test.each([
    [FLOAT, { float_data: [1.5, -2] }, [1.5, -2]],
    [DOUBLE, { double_data: [1e300, -2] }, [1e300, -2]],
    [INT64, { int64_data: [1n, -(2n ** 40n)] }, [1, -(2 ** 40)]],
    [INT32, { int32_data: [1, -7] }, [1, -7]],
    [UINT64, { uint64_data: [5n] }, [5]],
    [BOOL, { int32_data: [1, 0] }, [1, 0]],
    [UINT8, { int32_data: [255] }, [255]],
    [INT8, { int32_data: [-3] }, [-3]],
    [FLOAT16, { int32_data: [0x3c00, 0xc000, 0x0001] }, [1, -2, 2 ** -24]],
  ])("type %i", (data_type, fields, values) => {
    const tensor = tensorOf(data_type, fields);
    expect(tensorValues(tensor)).toEqual(values);
    const raw = tensorOf(data_type, { raw_data: tensorBytes(tensor) });
    expect(tensorValues(raw)).toEqual(values);
  });
});
