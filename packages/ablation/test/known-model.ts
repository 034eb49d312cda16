// A model folder whose truth is known, made by hand: what each unit does, and when, is in its formula.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ElementType } from "@phaseskip/graph";
import { generator } from "@phaseskip/scheduler";
import {
  graphOf,
  modelBytes,
  op,
  value,
  weightOf,
} from "../../graph/test/onnx-model.js";

/** Its units, by what is true of them. */
export const known = {
  /** Makes the picture, at every step. */
  essential: "down_blocks.0.resnets.0",
  /** Is multiplied by zero below timestep 500. */
  uselessLate: "down_blocks.0.resnets.1",
  /** Is multiplied by zero from timestep 500 on; adds to the picture below it. */
  uselessEarly: "mid_block.resnets.0",
  /** Adds an error around timesteps that a coarse grid is made of, and nearly none on a fine grid. */
  harmful: "mid_block.resnets.1",
  /** These compute the same, and the greater of the two is taken. */
  redundant: ["up_blocks.0.resnets.0", "up_blocks.0.resnets.1"],
  /** Holds them both, and nothing else. */
  redundantTogether: "up_blocks.0",
} as const;

const size = 16;
const dims = [1, 3, size, size];
const count = 3 * size * size;

/** Options of the model. */
export interface KnownModelOptions {
  /** Multiplies the output; something that is not finite breaks every run. @default 1 */
  readonly gain?: number;
  /** Gives each unit a convolution that changes nothing, so that leaving it out saves multiply-accumulates. @default false */
  readonly convolutions?: boolean;
}

/** Writes the model. */
export function writeKnownModel(
  folder: string,
  { gain = 1, convolutions = false }: KnownModelOptions = {},
): string {
  const pattern = (seed: number) =>
    weightOf(
      `pattern${seed}`,
      ElementType.FLOAT,
      dims,
      Array.from(generator(seed).randn(count)),
    );
  const number = (name: string, x: number) =>
    weightOf(name, ElementType.FLOAT, [1], [x]);
  /** What a unit gets: `a`, or `a` through a convolution of the unit's own. */
  const input = (unit: string, inside: string) => {
    if (!convolutions) return { a: "a", nodes: [] };
    const a = `${unit} a`;
    const pads = [1, 1, 1, 1];
    const inputs = ["a", "identity"];
    const nodes = [op("Conv", inputs, [a], { pads }, `${inside}/Conv`)];
    return { a, nodes };
  };
  const inputs = {
    essential: input("essential", "/down_blocks.0/resnets.0"),
    late: input("late", "/down_blocks.0/resnets.1"),
    early: input("early", "/mid_block/resnets.0"),
    redundant: [0, 1].map((i) =>
      input(`redundant${i}`, `/up_blocks.0/resnets.${i}`),
    ),
  };
  const down = "/down_blocks.0/resnets";
  const up = "/up_blocks.0/resnets";
  const graph = graphOf(
    [
      op("Mul", ["sample", "one"], ["a"], {}, "/conv_in/Mul"),
      op("Greater", ["timestep", "border"], ["early"], {}, "/Greater"),
      op("Cast", ["early"], ["isEarly"], { to: ElementType.FLOAT }, "/Cast"),
      op("Sub", ["one", "isEarly"], ["isLate"], {}, "/Sub"),

      ...[inputs.essential, inputs.late, inputs.early].flatMap(
        ({ nodes }) => nodes,
      ),
      ...inputs.redundant.flatMap(({ nodes }) => nodes),
      op("Mul", [inputs.essential.a, "three"], ["e1"], {}, `${down}.0/Mul`),
      op("Tanh", ["e1"], ["e2"], {}, `${down}.0/Tanh`),
      op("Mul", ["e2", "half"], ["essential"], {}, `${down}.0/Mul_1`),

      op("Mul", [inputs.late.a, "pattern1"], ["l1"], {}, `${down}.1/Mul`),
      op("Tanh", ["l1"], ["l2"], {}, `${down}.1/Tanh`),
      op("Mul", ["l2", "isEarly"], ["uselessLate"], {}, `${down}.1/Mul_1`),

      op(
        "Mul",
        [inputs.early.a, "pattern2"],
        ["m1"],
        {},
        "/mid_block/resnets.0/Mul",
      ),
      op("Tanh", ["m1"], ["m2"], {}, "/mid_block/resnets.0/Tanh"),
      op("Mul", ["m2", "isLate"], ["m3"], {}, "/mid_block/resnets.0/Mul_1"),
      op(
        "Mul",
        ["m3", "third"],
        ["uselessEarly"],
        {},
        "/mid_block/resnets.0/Mul_2",
      ),

      // 1 at multiples of 100, 0 elsewhere but for their nearest neighbours; not at the last steps
      op("Cast", ["timestep"], ["t"], { to: ElementType.FLOAT }, "/Cast_1"),
      op("Mul", ["t", "turns"], ["angle"], {}, "/Mul"),
      op("Cos", ["angle"], ["wave"], {}, "/Cos"),
      op("Sub", ["wave", "crest"], ["above"], {}, "/Sub_1"),
      op("Relu", ["above"], ["pulse"], {}, "/Relu"),
      op("Greater", ["timestep", "end"], ["before"], {}, "/Greater_1"),
      op("Cast", ["before"], ["isBefore"], { to: 1 }, "/Cast_2"),
      op("Mul", ["pulse", "isBefore"], ["when"], {}, "/Mul_1"),
      op("Mul", ["when", "strength"], ["size"], {}, "/Mul_2"),
      op("Mul", ["a", "zero"], ["h0"], {}, "/mid_block/resnets.1/Mul"),
      op("Add", ["h0", "pattern4"], ["h1"], {}, "/mid_block/resnets.1/Add"),
      op("Mul", ["h1", "size"], ["harm"], {}, "/mid_block/resnets.1/Mul_1"),

      ...[0, 1].flatMap((i) => [
        op(
          "Mul",
          [inputs.redundant[i]!.a, "pattern3"],
          [`r${i}`],
          {},
          `${up}.${i}/Mul`,
        ),
        op("Relu", [`r${i}`], [`s${i}`], {}, `${up}.${i}/Relu`),
        op(
          "Mul",
          [`s${i}`, "third"],
          [`redundant${i}`],
          {},
          `${up}.${i}/Mul_1`,
        ),
      ]),
      op(
        "Max",
        ["redundant0", "redundant1"],
        ["greater"],
        {},
        "/up_blocks.0/Max",
      ),

      op("Add", ["essential", "uselessLate"], ["sum0"], {}, "/conv_out/Add"),
      op("Add", ["sum0", "uselessEarly"], ["sum1"], {}, "/conv_out/Add_1"),
      op("Add", ["sum1", "greater"], ["sum2"], {}, "/conv_out/Add_2"),
      op("Add", ["sum2", "harm"], ["sum3"], {}, "/conv_out/Add_3"),
      op("Mul", ["sum3", "gain"], ["out_sample"], {}, "/conv_out/Mul"),
    ],
    [value("sample", dims), value("timestep", [1], ElementType.INT64)],
    [value("out_sample", dims)],
    [
      number("one", 1),
      number("three", 3),
      number("half", 0.5),
      number("third", 1 / 3),
      number("gain", gain),
      weightOf("border", ElementType.INT64, [1], [499]),
      pattern(1),
      pattern(2),
      pattern(3),
      pattern(4),
      // 3 × 3 kernels with a one in the middle of the channel's own
      weightOf(
        "identity",
        ElementType.FLOAT,
        [3, 3, 3, 3],
        Array.from({ length: 81 }, (_, i) =>
          i % 9 === 4 && Math.floor(i / 27) === Math.floor(i / 9) % 3 ? 1 : 0,
        ),
      ),
      number("zero", 0),
      number("turns", (2 * Math.PI) / 100),
      number("crest", 0.99),
      number("strength", 40),
      weightOf("end", ElementType.INT64, [1], [150]),
    ],
  );
  const files: Record<string, string | Uint8Array> = {
    "model_index.json": JSON.stringify({
      _class_name: "DDIMPipeline",
      unet: ["diffusers", "UNet2DModel"],
      scheduler: ["diffusers", "DDIMScheduler"],
    }),
    "unet/config.json": JSON.stringify({
      sample_size: size,
      in_channels: 3,
      out_channels: 3,
    }),
    "unet/model.onnx": modelBytes(graph),
    "scheduler/scheduler_config.json": JSON.stringify({
      _class_name: "DDIMScheduler",
      num_train_timesteps: 1000,
      prediction_type: "sample",
      clip_sample: false,
    }),
  };
  for (const part of ["unet", "scheduler"])
    mkdirSync(join(folder, part), { recursive: true });
  for (const [name, contents] of Object.entries(files))
    writeFileSync(join(folder, name), contents);
  return folder;
}
