import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { fixture, run } from "./run.js";

const inspect = (dtype: string) =>
  run(["inspect", fixture(`tiny-quantised/unet/model_${dtype}.onnx`)]);

test("inspect tells signed dynamic int8's times, as docs/exports.md measured them", async () => {
  const page = await readFile(
    new URL("../../../docs/exports.md", import.meta.url),
    "utf8",
  );
  const measured = (weights: string) =>
    Number(
      new RegExp(`dynamic int8, ${weights} weights[^|]*\\|[^|]*\\| ([\\d.]+)`)
        .exec(page)
        ?.at(1),
    );
  const { stderr } = await inspect("int8");
  expect(stderr).toContain(`took ${measured("signed")} times float32's time`);
  expect(stderr).toContain(`it took ${measured("unsigned")} times`);
});

test("inspect has nothing to say of four bits' times", async () => {
  const { stderr, exitCode } = await inspect("q4");
  expect(exitCode).toBe(0);
  expect(stderr).not.toContain("times float32");
});
