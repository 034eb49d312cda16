// Made-up courses of effects, whose truth is known.

import { generator } from "@phaseskip/scheduler";

/** What a made-up course is like. */
export interface CourseShape {
  /** Groups, such as prompts. */
  readonly groups: number;
  readonly rows: number;
  readonly length: number;
  /** Standard deviation of the noise of each value, of its own in each group. */
  readonly noise: number;
  /** The course without noise. */
  readonly value: (row: number, time: number, group: number) => number;
}

/** Draws courses. */
export function drawCourses(
  shape: CourseShape,
  seed: number,
): Float64Array[][] {
  const { groups, rows, length, noise, value } = shape;
  const random = generator(seed);
  return Array.from({ length: groups }, (_, group) =>
    Array.from({ length: rows }, (_, row) => {
      const drawn = random.randn(length);
      return Float64Array.from(
        drawn,
        (x, t) => value(row, t, group) + noise * x,
      );
    }),
  );
}
