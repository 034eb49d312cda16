// What a caller tells ControlNets, checked once.

import type { InputPicture } from "../picture/input-picture.js";
import { pictureProblem } from "../picture/input-picture.js";
import { shownValue } from "../prompt/shown-value.js";

/** What one ControlNet is told. */
export interface ControlOptions {
  /**
   * What to follow: edges, depths, poses, as the ControlNet was trained on, of the size that is drawn. Floats are
   * `[3, height, width]` in [0, 1].
   */
  readonly image: InputPicture;
  /** What the ControlNet's residuals are multiplied by. @default 1 */
  readonly scale?: number;
  /** The part of the steps from which on it counts, from 0 to 1. @default 0 */
  readonly start?: number;
  /** The part of the steps up to which it counts, from 0 to 1. @default 1 */
  readonly end?: number;
}

/** The same, known to be well formed. */
export type ControlRequest = Required<ControlOptions>;

/**
 * Checks what a caller tells ControlNets.
 * @throws {TypeError | RangeError} If it is wrong
 */
export function parseControl(
  value: unknown,
  cannot: (reason: string) => string,
): readonly ControlRequest[] | undefined {
  if (value === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((one, i) => {
    const at = Array.isArray(value) ? `control[${i}]` : "control";
    const { image, scale, start, end, ...others } = (one ??
      {}) as Partial<ControlOptions>;
    const problem = pictureProblem(image);
    if (problem !== undefined)
      throw new TypeError(cannot(`${at}.image must be ${problem}`));
    const [unknown] = Object.keys(others);
    if (unknown !== undefined)
      throw new TypeError(
        cannot(
          `${at}.${unknown} is no option; known are image, scale, start, end`,
        ),
      );
    const number = (
      name: string,
      given: unknown,
      unsaid: number,
      most: number,
    ) => {
      if (given === undefined) return unsaid;
      const wanted = most === Infinity ? "a finite number" : "from 0 to 1";
      const message = `${at}.${name} must be ${wanted}: current value is ${shownValue(given)}`;
      if (typeof given !== "number") throw new TypeError(cannot(message));
      const isIn =
        Number.isFinite(given) &&
        (most === Infinity || (given >= 0 && given <= most));
      if (!isIn) throw new RangeError(cannot(message));
      return given;
    };
    const control = {
      image: image!,
      scale: number("scale", scale, 1, Infinity),
      start: number("start", start, 0, 1),
      end: number("end", end, 1, 1),
    };
    if (control.start >= control.end)
      throw new RangeError(
        cannot(
          `${at}.start must lie before its end, ${control.end}: current value is ${control.start}`,
        ),
      );
    return control;
  });
}
