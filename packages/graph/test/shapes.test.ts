import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../src/byte-source.js";
import { ElementType } from "../src/onnx/types.js";
import { readOnnx } from "../src/onnx/read.js";
import { inferShapes } from "../src/shapes/infer.js";
import type { ValueInfo } from "../src/shapes/rule.js";
import { unetInputs } from "../../runtime/src/inputs/unet-inputs.js";
import { analyseUnet } from "../src/unet.js";
import type { UnetSize } from "../src/unet.js";
import { fixtureBytes, fixtureGraph, fixtureSize } from "./fixtures.js";
import type { AttributeValue } from "./onnx-model.js";
import { graphOf, op, readModel, value, weightOf } from "./onnx-model.js";

// Made by models/golden_shapes.py with onnxruntime.
interface GoldenShapes {
  /** A shape, such as "4,8", with the integers it holds, such as "2=4,8". */
  readonly kinds: readonly string[];
  readonly cases: readonly {
    readonly model: string;
    readonly size: Partial<UnetSize>;
    /** For each output of each node in the file's order: which kind. */
    readonly values: readonly number[];
  }[];
}
interface GoldenOperator {
  readonly op: string;
  readonly opset: number;
  readonly inputs: readonly (GoldenInput | null)[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly outputs: readonly string[];
}
interface GoldenInput {
  readonly dims: readonly number[];
  readonly type?: ElementType;
  readonly values?: readonly number[];
}

function golden<T>(name: string): T {
  const path = new URL(`golden/${name}`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

const isWhole = ({ type }: ValueInfo) =>
  type === ElementType.INT64 ||
  type === ElementType.INT32 ||
  type === ElementType.BOOL;

/** What was inferred, as the golden file writes it; with the elements where both sides know them. */
function described(info: ValueInfo, wanted: string): string {
  const withData = wanted.includes("=") && info.data && isWhole(info);
  return withData ? `${info.dims.join()}=${info.data.join()}` : shapeOf(info);
}

const shapeOf = ({ dims }: ValueInfo) => dims.join();

function expected(info: ValueInfo, wanted: string): string {
  const [dims = "", data] = wanted.split("=");
  if (data === undefined || !info.data || !isWhole(info)) return dims;
  return `${dims}=${data === "" ? "" : data.split(",").map(Number).join()}`; // 2^63 − 1 is rounded
}

describe("inferShapes() finds what onnxruntime makes", () => {
  const { kinds, cases } = golden<GoldenShapes>("shapes.json");
  test.each(cases)("of every value of $model at $size", async (wanted) => {
    const { model: name, size, values } = wanted;
    const graph = await fixtureGraph(name);
    const unet = analyseUnet(graph, fixtureSize(name, graph, size), unetInputs);
    const file = await readOnnx(bytesSource(fixtureBytes(name)));
    const outputs = file.model.graph!.node.flatMap((node) => node.output);
    expect(outputs).toHaveLength(values.length);
    const found: Record<string, string> = {};
    const right: Record<string, string> = {};
    let count = 0;
    outputs.forEach((output, i) => {
      const kind = kinds[values[i]!]!;
      const info = unet.shapes.get(output);
      if (!info) {
        expect(kind, output).toBe(""); // an initializer's alias
        return;
      }
      count++;
      found[output] = described(info, kind);
      right[output] = expected(info, kind);
    });
    expect(found).toEqual(right);
    expect(count).toBeGreaterThan(500);
  });
});

describe("inferShapes() finds what onnxruntime makes of one node", () => {
  const operators = golden<GoldenOperator[]>("operators.json").map(
    (operator) =>
      [
        `${operator.op} ${operator.opset} of ${operator.inputs.map((input) => JSON.stringify(input?.values ?? input?.dims)).join(" and ")}, ${JSON.stringify(operator.attributes)}`,
        operator,
      ] as const,
  );
  test.each(operators)("%s", async (_, operator) => {
    const { op: type, opset, inputs, attributes, outputs } = operator;
    const slots = inputs.map((input, slot) => ({ input, name: `x${slot}` }));
    const fed = slots.filter(({ input }) => input && !input.values);
    const known = slots.filter(({ input }) => input?.values);
    const node = op(
      type,
      slots.map(({ input, name }) => (input ? name : "")),
      outputs.map((__, slot) => `y${slot}`),
      attributes,
    );
    const graph = await readModel(
      graphOf(
        [node],
        fed.map(({ name, input }) => value(name, input!.dims)),
        [value("y0", [])],
        known.map(({ name, input }) =>
          weightOf(name, input!.type!, input!.dims, input!.values!),
        ),
      ),
      { opsets: { "": opset } },
    );
    const dims = fed.map(({ name, input }) => [name, input!.dims] as const);
    const shapes = inferShapes(graph, new Map(dims));
    const found = outputs.map((__, slot) => shapes.get(`y${slot}`)!);
    expect(found.map((info, i) => described(info, outputs[i]!))).toEqual(
      found.map((info, i) => expected(info, outputs[i]!)),
    );
    // where every input is known, so is the result
    if (fed.length === 0 && isWhole(found[0]!) && outputs[0]!.includes("=")) {
      expect(found[0]!.data).toBeDefined();
    }
  });
});

describe("inferShapes() refuses", () => {
  const x = value("x", [2, 3]);
  const y = value("y", [2, 3]);
  const infer = async (...nodes: ReturnType<typeof op>[]) =>
    inferShapes(
      await readModel(graphOf(nodes, [x], [y]), {
        opsets: { "": 17, "com.microsoft": 1 },
      }),
      new Map([["x", [2, 3]]]),
    );
  test.each([
    [
      "an operator without a rule, by its name",
      op("Hardmax2", ["x"], ["y"], {}, "here"),
      "model-unsupported",
      /operator Hardmax2 has no shape rule: .*here/,
    ],
    [
      "a loop",
      op("Loop", ["x"], ["y"]),
      "model-unsupported",
      /operator Loop has no shape rule/,
    ],
    [
      "an operator of another domain that ONNX's own has too",
      op("com.microsoft:Conv", ["x"], ["y"]),
      "model-unsupported",
      /operator com.microsoft.Conv has no shape rule/,
    ],
    [
      "a shape that is known only after running",
      op("Reshape", ["x", "x"], ["y"]),
      "model-unsupported",
      /not known before it runs/,
    ],
    [
      "shapes that do not fit together",
      op("MatMul", ["x", "x"], ["y"]),
      "model-invalid",
      /\[2,3\] and \[2,3\] cannot be multiplied/,
    ],
    [
      "a value that nothing makes",
      op("Relu", ["z"], ["y"]),
      "model-invalid",
      /nothing makes it/,
    ],
  ])("%s", async (_, node, code, says) => {
    await expect(infer(node)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says) as string,
    });
  });
});
