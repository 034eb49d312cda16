// Small models that a plan needs between two segments: no part of any Unet, free in all shapes.

import {
  AttributeProtoAttributeType,
  readAttributeProto,
  readGraphProto,
  readModelProto,
  readNodeProto,
  readOperatorSetIdProto,
  readTypeProto,
  readTypeProtoTensor,
  readValueInfoProto,
  writeModelProto,
} from "../onnx/onnx_pb.js";
import { ElementType } from "../onnx/types.js";
import { create, encode } from "../onnx/wire.js";

/**
 * A model between segments. All have one output, `y`:
 *
 * - a number n: `c0·x0 + … + c(n−1)·x(n−1)`; each coefficient is a scalar, or broadcast to its value
 * - `lowPass`: `x + c·Re(r·x·s)` with `r = rRe + i·rIm` on the rows and `s = sRe + i·sIm` on the columns of the last
 *   two axes
 * - `change`: mean |a − b| over mean |b|, a float32 scalar
 */
export type Kernel = number | "lowPass" | "change";

/**
 * Writes a kernel's ONNX model.
 *
 * @param kernel which one
 * @param type of its inputs, and of its output unless that is a scalar
 */
export function kernelModel(
  kernel: Kernel,
  type: ElementType,
): Uint8Array<ArrayBuffer> {
  const nodes =
    typeof kernel === "number" ? combination(kernel) : named[kernel];
  const made = new Set(nodes.map(({ output }) => output));
  const inputs = new Set(
    nodes.flatMap(({ input }) => input).filter((name) => !made.has(name)),
  );
  const outputType = kernel === "change" ? ElementType.FLOAT : type;
  const graph = create(readGraphProto, {
    name: "kernel",
    input: [...inputs].map((name) => valueOf(name, type)),
    output: [valueOf("y", outputType)],
    node: nodes.map(({ op_type, input, output, to }) =>
      create(readNodeProto, {
        op_type,
        input: [...input],
        output: [output],
        attribute:
          to === undefined
            ? []
            : [
                create(readAttributeProto, {
                  name: "to",
                  type: AttributeProtoAttributeType.INT,
                  i: to,
                }),
              ],
      }),
    ),
  });
  return encode(
    writeModelProto,
    create(readModelProto, {
      ir_version: 8,
      opset_import: [create(readOperatorSetIdProto, { version: 13 })],
      producer_name: "phaseskip",
      graph,
    }),
  );
}

interface KernelNode {
  readonly op_type: string;
  readonly input: readonly string[];
  readonly output: string;
  /** What a cast makes. */
  readonly to?: ElementType;
}

function node(op_type: string, input: string, output: string): KernelNode {
  return { op_type, input: input.split(" "), output };
}

function combination(count: number): KernelNode[] {
  const nodes: KernelNode[] = [];
  for (let i = 0; i < count; i++) {
    const term = count === 1 ? "y" : `t${i}`;
    nodes.push(node("Mul", `x${i} c${i}`, term));
    if (i === 0) continue;
    const before = i === 1 ? "t0" : `s${i - 1}`;
    nodes.push(
      node("Add", `${before} ${term}`, i === count - 1 ? "y" : `s${i}`),
    );
  }
  return nodes;
}

const named = {
  lowPass: [
    node("MatMul", "rRe x", "real"),
    node("MatMul", "rIm x", "imaginary"),
    node("MatMul", "real sRe", "first"),
    node("MatMul", "imaginary sIm", "second"),
    node("Sub", "first second", "low"),
    node("Mul", "low c", "change"),
    node("Add", "x change", "y"),
  ],
  change: [
    { ...node("Cast", "a", "now"), to: ElementType.FLOAT },
    { ...node("Cast", "b", "before"), to: ElementType.FLOAT },
    node("Sub", "now before", "difference"),
    node("Abs", "difference", "moved"),
    node("Abs", "before", "size"),
    node("ReduceMean", "moved", "movedMean"),
    node("ReduceMean", "size", "sizeMean"),
    node("Div", "movedMean sizeMean", "ratio"),
    node("Squeeze", "ratio", "y"),
  ],
} satisfies Record<string, readonly KernelNode[]>;

/** A value of unknown rank. */
function valueOf(name: string, elem_type: ElementType) {
  const tensor_type = create(readTypeProtoTensor, { elem_type });
  return create(readValueInfoProto, {
    name,
    type: create(readTypeProto, { tensor_type }),
  });
}
