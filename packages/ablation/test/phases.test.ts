import { describe, expect, test } from "vitest";
import { findPhases } from "@phaseskip/ablation";
import { drawCourses, type CourseShape } from "./courses.js";

const base: CourseShape = {
  groups: 8,
  rows: 12,
  length: 50,
  noise: 0.5,
  value: () => 0,
};

/** Rows that step up or down, by size and side of their own. */
const steps = (at: readonly number[]) => (row: number, time: number) => {
  const levels = [0, 2, -1, 1.5, 0.5];
  const piece = at.filter((boundary) => time >= boundary).length;
  return levels[(piece + row) % levels.length]! * (1 + (row % 3));
};

const falsePhases = (shape: CourseShape) => {
  const found = Array.from({ length: 200 }, (_, seed) =>
    findPhases(drawCourses(shape, seed), { draws: 0 }),
  );
  return found.filter(({ verdict }) => verdict === "phases").length;
};

describe("findPhases()", () => {
  test.each([[[20]], [[12, 30]], [[10, 22, 40]]])(
    "finds known change points at %j",
    (at) => {
      const courses = drawCourses({ ...base, value: steps(at) }, 1);
      const found = findPhases(courses, { draws: 200 });
      expect(found.verdict).toBe("phases");
      expect(found.boundaries.map((boundary) => boundary.at)).toEqual(at);
      for (const { at: where, lower, upper } of found.boundaries) {
        expect(lower).toBeLessThanOrEqual(where);
        expect(upper).toBeGreaterThanOrEqual(where);
        expect(upper - lower).toBeLessThanOrEqual(2);
      }
      expect(found.probabilities[at.length]).toBeGreaterThan(0.9);
    },
  );

  test("gives a wider interval where a boundary lies elsewhere in each group", () => {
    const value = (row: number, time: number, group: number) =>
      steps([20 + (group % 3)])(row, time);
    const found = findPhases(drawCourses({ ...base, value }, 2), {
      draws: 300,
    });
    const [boundary] = found.boundaries;
    expect(boundary!.upper - boundary!.lower).toBeGreaterThanOrEqual(1);
  });

  test("finds false phases in at most 5 % of 200 draws of noise", () => {
    expect(falsePhases({ ...base, noise: 1 })).toBeLessThanOrEqual(10);
    const short = { ...base, groups: 4, rows: 5, length: 25, noise: 1 };
    expect(falsePhases(short)).toBeLessThanOrEqual(10);
  });

  test("finds false phases in at most 5 % of 200 draws of ramps", () => {
    const value = (row: number, time: number) => (time * ((row % 5) - 2)) / 20;
    expect(falsePhases({ ...base, value })).toBeLessThanOrEqual(10);
    const short = { ...base, groups: 4, rows: 5, length: 25, value };
    expect(falsePhases(short)).toBeLessThanOrEqual(10);
  });

  test("says that a ramp is gradual", () => {
    const value = (row: number, time: number) => (time * (row - 6)) / 10;
    const found = findPhases(drawCourses({ ...base, value }, 3), { draws: 0 });
    expect(found.verdict).toBe("gradual");
    expect(found.boundaries).toEqual([]);
  });

  test("tells a steep sigmoid from a shallow one", () => {
    const sigmoid = (width: number) => (row: number, time: number) =>
      (3 + (row % 2)) / (1 + Math.exp(-(time - 25) / width));
    const steep = findPhases(drawCourses({ ...base, value: sigmoid(0.5) }, 4), {
      draws: 0,
    });
    expect(steep.verdict).toBe("phases");
    for (const { at } of steep.boundaries)
      expect(Math.abs(at - 25)).toBeLessThanOrEqual(2);
    const shallow = findPhases(
      drawCourses({ ...base, value: sigmoid(15) }, 4),
      { draws: 0 },
    );
    expect(shallow.verdict).toBe("gradual");
  });

  test("is not led by one row that dominates all others", () => {
    const sine = (row: number, time: number) =>
      row === 0 ? 100 * Math.sin(time / 3) : steps([30])(row, time);
    const found = findPhases(drawCourses({ ...base, value: sine }, 5), {
      draws: 0,
    });
    expect(found.verdict).toBe("phases");
    expect(found.boundaries.map(({ at }) => at)).toEqual([30]);
    const alone = (row: number, time: number) =>
      row === 0 ? 100 * steps([20])(row, time) : 0;
    const none = findPhases(drawCourses({ ...base, value: alone }, 5), {
      draws: 0,
    });
    expect(none.verdict).toBe("none");
  });

  test("does not depend on what each row is multiplied by or raised by", () => {
    const courses = drawCourses({ ...base, value: steps([12, 30]) }, 6);
    const other = courses.map((rows) =>
      rows.map((row, r) => row.map((value) => value * (r + 1) ** 3 + 7 * r)),
    );
    const [a, b] = [courses, other].map((one) =>
      findPhases(one, { draws: 20 }),
    );
    expect(b!.boundaries).toEqual(a!.boundaries);
    expect(b!.probabilities).toEqual(a!.probabilities);
  });

  test("says that it does not know with fewer than 3 groups", () => {
    const courses = drawCourses({ ...base, groups: 2, value: steps([20]) }, 7);
    expect(findPhases(courses).verdict).toBe("unknown");
  });

  test("throws for rows of different lengths and for values that are not finite", () => {
    const courses = drawCourses(base, 8);
    expect(() => findPhases([...courses, [new Float64Array(50)]])).toThrow(
      TypeError,
    );
    courses[2]![3]![4] = NaN;
    expect(() => findPhases(courses)).toThrow(
      "every value must be finite: row 3 of group 2 holds another",
    );
  });
});
