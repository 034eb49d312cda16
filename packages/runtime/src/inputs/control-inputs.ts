// What ControlNets read, as entries of the table of inputs.

import { levels } from "../picture/levels.js";
import type { InputGiven, RunInput } from "./run-input.js";

/** A ControlNet's control by the name of an input of it; undefined where the call has none for it. */
function controlOf({ name, request, controlNets }: InputGiven) {
  const net = name.slice(0, name.indexOf("/"));
  return request.control?.[controlNets.indexOf(net)];
}

/** The entries. */
export const controlInputs: readonly RunInput[] = [
  {
    name: /^controlnet\w*\/controlnet_cond$/,
    dims: ({ batch, height, width, pixels = 8 }) => [
      ...[batch, 3, height * pixels, width * pixels],
    ],
    changes: false,
    source: "a picture in control",
    value: (given) => {
      const control = controlOf(given);
      return control && controlPicture(control.image, given);
    },
  },
  {
    name: /^controlnet\w*\/scales$/,
    dims: ({ batch }) => [batch, 13],
    changes: false,
    source: "control",
    value: (given) => {
      const control = controlOf(given);
      return control && factors(control.scale, given);
    },
  },
  {
    name: /^(down_block_\d+|mid_block)_additional_residual$/,
    // no ControlNet is attached: nothing is added
    changes: false,
    source: "a ControlNet",
    value: ({ length }) => new Float32Array(length),
  },
];

/** @throws {RangeError} If it has not the picture's size */
function controlPicture(
  picture: Parameters<typeof levels>[0],
  { pictureSize: [height, width] }: InputGiven,
): Float32Array {
  if (picture.width === width && picture.height === height)
    return levels(picture);
  throw new RangeError(
    `Cannot generate an image as a control's image must have the size that is drawn, ${width} × ${height} pixels: current size is ${picture.width} × ${picture.height}`,
  );
}

/**
 * What a ControlNet's residuals are multiplied by: less and less towards the first ones where it guesses what is drawn
 * (diffusers 0.42.1, models/controlnets/controlnet.py).
 */
function factors(
  scale: number,
  { length, request: { guessMode } }: InputGiven,
): Float32Array {
  const last = length - 1;
  return Float32Array.from({ length }, (_, i) =>
    guessMode ? Math.fround(10 ** (i / last - 1)) * scale : scale,
  );
}
