// A Unet of a dozen nodes, by hand, with what exporters make seldom: a branch whose bodies read values of the
// graph around them, and a local function.

import type { GraphProto } from "../src/onnx/onnx_pb.js";
import { ElementType } from "../src/onnx/types.js";
import {
  graphOf,
  localFunction,
  modelBytes,
  op,
  value,
  weightOf,
} from "./onnx-model.js";

/** Options of the Unet. */
export interface HandMadeOptions {
  /** Type of sample, weights and output. @default float32 */
  readonly type?: ElementType;
}

/**
 * `conv_out(up([mid(x), x]))` with `x = down(conv_in(sample))`; `mid` is a branch on the timestep, whose
 * then-part scales `x` by the weight and whose else-part negates it.
 */
export function handMadeUnet({
  type = ElementType.FLOAT,
}: HandMadeOptions = {}): Uint8Array<ArrayBuffer> {
  const half = type === ElementType.FLOAT16;
  const [onePointFive, two] = half ? [0x3e00, 0x4000] : [1.5, 2];
  const body = (
    node: ReturnType<typeof op>,
    initializer: GraphProto["initializer"] = [],
  ) => graphOf([node], [], [value("z", ["n", 2, 4, 4], type)], initializer);
  const sample = value("sample", ["n", 2, 4, 4], type);
  const mean = { axes: [1], keepdims: 1 };
  const graph = graphOf(
    [
      op("Identity", ["gain"], ["alias"], {}, "/mid_block/Identity"),
      op("Mul", ["sample", "gain"], ["a"], {}, "/conv_in/Mul"),
      op("my:Twice", ["a"], ["x"], {}, "/down_blocks.0/resnets.0/act/Twice"),
      op("Greater", ["timestep", "border"], ["flag"], {}, "/mid_block/Greater"),
      op("Squeeze", ["flag"], ["late"], {}, "/mid_block/Squeeze"),
      op(
        "If",
        ["late"],
        ["m"],
        {
          then_branch: body(op("Mul", ["x", "alias"], ["z"])),
          else_branch: body(op("Sub", ["inner", "x"], ["z"]), [
            weightOf("inner", type, [1], [two]),
          ]),
        },
        "/mid_block/resnets.0/If",
      ),
      op("Concat", ["m", "x"], ["j"], { axis: 1 }, "/up_blocks.0/Concat"),
      op("Relu", ["j"], ["r"], {}, "/up_blocks.0/resnets.0/act/Relu"),
      op("ReduceMean", ["r"], ["u"], mean, "/up_blocks.0/resnets.0/out/Mean"),
      op(
        "ReduceMean",
        ["j"],
        ["s"],
        mean,
        "/up_blocks.0/resnets.0/shortcut/Mean",
      ),
      op("Add", ["u", "s"], ["up"], {}, "/up_blocks.0/resnets.0/Add"),
      op("Add", ["up", "sample"], ["out_sample"], {}, "/conv_out/Add"),
    ],
    [sample, value("timestep", [1], ElementType.INT64)],
    [value("out_sample", ["n", 2, 4, 4], type)],
    [
      weightOf("gain", type, [1], [onePointFive]),
      weightOf("border", ElementType.INT64, [1], [500]),
    ],
  );
  const twice = localFunction(
    "my",
    "Twice",
    ["in"],
    ["out"],
    [op("Add", ["in", "in"], ["out"])],
  );
  return modelBytes(graph, { opsets: { "": 17, my: 1 }, functions: [twice] });
}
