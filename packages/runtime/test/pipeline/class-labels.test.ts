// The class that a call names, for Unets that take a number, and for those that take a vector.

import { expect, test } from "vitest";
import { classLabels } from "../../src/inputs/class-labels.js";
import { parseRequest } from "../../src/pipeline/request.js";

const given = (length: number, classLabel?: number | readonly number[]) => ({
  name: "class_labels",
  request: parseRequest(classLabel === undefined ? {} : { classLabel }),
  prompt: 1,
  channels: undefined,
  length,
});

test("classLabels() gives one number for all prompts, or each its own", () => {
  expect(classLabels(given(1, 4))).toEqual(Float32Array.of(4));
  expect(classLabels(given(1, [4, 2]))).toEqual(Float32Array.of(2));
  expect(classLabels(given(6))).toBeUndefined();
});

test("classLabels() says how a Unet is told that takes a vector", () => {
  expect(() => classLabels(given(6, 4))).toThrow(
    "this Unet's class_labels is 6 numbers, not a class: give them as inputs: { constants: { class_labels: [...] } } when loading",
  );
});
