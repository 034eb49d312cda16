import type { Graph, Weight } from "@phaseskip/graph";
import { ElementType } from "@phaseskip/graph";
import { expect, test } from "vitest";
import { checkTensorSizes, misfit } from "../../src/device/device-fit.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";

const wasm = await openDevice("wasm", { threads: 1 });
const smallGpu: Device = { ...wasm, kind: "webgpu", maxTensorBytes: 2 ** 27 };

const unet = (bytes: number, type: ElementType = ElementType.FLOAT): Graph => {
  const weight: Weight = {
    name: "conv_in.weight",
    type,
    dims: [],
    byteLength: bytes,
    data: { location: "", offset: 0, length: bytes },
  };
  const weights = new Map([[weight.name, weight]]);
  return { weights } as unknown as Graph; // nothing else of it is looked at
};

test("misfit() names a weight that a GPU cannot take", () => {
  expect(misfit(unet(2 ** 27), smallGpu)).toBeUndefined();
  expect(misfit(unet(2 ** 27 + 1), smallGpu)).toMatch(
    /conv_in\.weight takes 135 MB.*at most 135 MB/,
  );
});

test("misfit() counts float16 twice where it is widened", () => {
  const half = unet(2 ** 26 + 2, ElementType.FLOAT16);
  expect(misfit(half, smallGpu)).toBeDefined();
  expect(misfit(half, { ...smallGpu, hasHalf: true })).toBeUndefined();
});

test("misfit() knows WebAssembly's 4 GiB and a machine's memory, where the browser tells it exactly", () => {
  expect(misfit(unet(2 ** 32 + 1), wasm)).toMatch(/WebAssembly has 4295 MB/);
  expect(misfit(unet(2 ** 31), wasm, 1)).toMatch(/about 1074 MB of memory/);
  expect(misfit(unet(2 ** 31), wasm, 2)).toBeUndefined();
  expect(misfit(unet(2 ** 32), wasm, 8)).toBeUndefined(); // 8 may be 64
});

test("checkTensorSizes() throws for a tensor that a GPU cannot take at this size", () => {
  const shapes = (side: number) =>
    new Map([["h", { dims: [2, 512, side, side] }]]);
  expect(() => checkTensorSizes(shapes(128), smallGpu)).not.toThrow();
  expect(() => checkTensorSizes(shapes(512), wasm)).not.toThrow();
  expect(() => checkTensorSizes(shapes(512), smallGpu)).toThrow(
    /h takes 1074 MB; draw fewer images/,
  );
});
