import { widenHalf } from "@phaseskip/graph";
import { describe, expect, test } from "vitest";
import { halfBits } from "../../src/device/half.js";

const halves = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
const values = new Float32Array(
  widenHalf(new Uint8Array(halves.buffer)).buffer,
);

describe("halfBits()", () => {
  test("gives every float16 back", () => {
    values.forEach((value, bits) => {
      if (Number.isNaN(value)) expect(halfBits(value) & 0x7c00).toBe(0x7c00);
      else expect(halfBits(value)).toBe(bits);
    });
  });

  test("rounds to the nearest, ties to even", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [values[bits]!, values[bits + 1]!];
      const middle = (low + high) / 2;
      expect(halfBits(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
      expect(halfBits(low + (high - low) * 0.49)).toBe(bits);
      expect(halfBits(low + (high - low) * 0.51)).toBe(bits + 1);
    }
  });

  test("overflows to infinity from half a step beyond the largest", () => {
    expect(halfBits(65519.99)).toBe(0x7bff);
    expect(halfBits(65520)).toBe(0x7c00);
    expect(halfBits(-1e9)).toBe(0xfc00);
  });
});
