import { describe, expect, test } from "vitest";

import { generator, restoreGenerator } from "@phaseskip/scheduler";

describe("generator()", () => {
  test("starts as torch.manual_seed(0) does", () => {
    const [first, second, third] = generator(0).randn(3);
    expect([first, second, third]).toEqual(
      [1.5409961, -0.2934289, -2.1787894].map(Math.fround),
    );
  });

  test("uses the low 32 bits of the seed", () => {
    const draw = (seed: number) => generator(seed).randn(20);
    expect(draw(2 ** 32 + 5)).toEqual(draw(5));
    expect(draw(-1)).toEqual(draw(2 ** 32 - 1));
    expect(draw(6)).not.toEqual(draw(5));
  });

  test("keeps the odd number of a short draw for the next short draw only", () => {
    const [split, whole] = [generator(3), generator(3)];
    const parts = [split.randn(1), split.randn(1)].flatMap((part) => [...part]);
    expect(parts).toEqual([...whole.randn(2)]);

    const [interrupted, plain] = [generator(3), generator(3)];
    const [, kept] = generator(3).randn(2);
    interrupted.randn(1);
    expect(interrupted.state().cachedNormal).not.toBeNull();
    interrupted.randn(16);
    plain.randn(2);
    plain.randn(16);
    expect(interrupted.randn(1)[0]).toBe(kept);
    expect(interrupted.randn(40)).toEqual(plain.randn(40));
  });

  test("draws the last sixteen again where the count is no multiple of sixteen", () => {
    const [whole, ragged] = [generator(9).randn(32), generator(9).randn(33)];
    expect(ragged.subarray(0, 16)).toEqual(whole.subarray(0, 16));
    expect(ragged[20]).not.toBe(whole[20]);
  });

  test("has mean 0 and variance 1", () => {
    for (const draw of [() => generator(1).randn(40_000), shortDraws]) {
      const values = draw();
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const variance =
        values.reduce((sum, x) => sum + x * x, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan(0.02);
      expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    }
  });

  test("draws nothing when asked for nothing", () => {
    const source = generator(4);
    expect(source.randn(0)).toHaveLength(0);
    expect(source.randn(5)).toEqual(generator(4).randn(5));
  });

  test.each([0.5, NaN, 2 ** 53, -Infinity])(
    "throws RangeError for seed %d",
    (seed) => {
      expect(() => generator(seed)).toThrow(
        new RangeError(
          `Cannot create the generator as seed must be a safe integer: current value is ${seed}`,
        ),
      );
    },
  );

  test.each([-1, 1.5, NaN])("throws RangeError for a count of %d", (count) => {
    expect(() => generator(0).randn(count)).toThrow(
      new RangeError(
        `Cannot draw noise as count must be a non-negative integer: current value is ${count}`,
      ),
    );
  });
});

describe("restoreGenerator()", () => {
  test.each([[7], [24], [624], [5, 100, 3]])(
    "goes on where the other stood after %j",
    (...counts) => {
      const source = generator(12);
      for (const count of counts) source.randn(count);
      const restored = restoreGenerator(structuredClone(source.state()));
      for (const count of [3, 50, 2])
        expect(restored.randn(count)).toEqual(source.randn(count));
    },
  );

  test("shares nothing with the other", () => {
    const source = generator(12);
    const state = source.state();
    const copy = structuredClone(state);
    const wanted = restoreGenerator(copy).randn(700);
    source.randn(5000);
    expect(state).toEqual(copy);
    expect(restoreGenerator(state).randn(700)).toEqual(wanted);
  });
});

function shortDraws(): Float32Array {
  const source = generator(2);
  return Float32Array.from(
    Array.from({ length: 2000 }, () => [...source.randn(15)]).flat(),
  );
}
