import type { Graph, Unet, Weight } from "@phaseskip/graph";
import { ElementType } from "@phaseskip/graph";
import { expect, test } from "vitest";
import { checkTensorSizes, misfit } from "../../src/device/device-fit.js";
import type { Device } from "../../src/device/session.js";
import { openDevice } from "../../src/device/session.js";
import { openUnet } from "../unet/unet-runs.js";

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
  const unet = (side: number) => {
    const shapes = new Map([["h", { dims: [2, 512, side, side] }]]);
    return { shapes, graph: { nodes: [] } } as unknown as Unet; // nothing else of it is looked at
  };
  expect(() => checkTensorSizes(unet(128), smallGpu)).not.toThrow();
  expect(() => checkTensorSizes(unet(512), wasm)).not.toThrow();
  expect(() => checkTensorSizes(unet(512), smallGpu)).toThrow(
    /h takes 1074 MB; draw fewer images/,
  );
});

test("checkTensorSizes() leaves out what attention makes by rows", async () => {
  const { unet, close } = await openUnet("tiny-sd-ts", wasm, {
    height: 48,
    width: 48,
  });
  const widest = 4 * 2 * 576 * 576; // the scores of two heads
  const gpu = { ...smallGpu, maxTensorBytes: widest / 8 };
  expect(() => checkTensorSizes(unet, { ...gpu, maxScores: Infinity })).toThrow(
    `takes ${Math.ceil(widest / 1e6)} MB`,
  );
  expect(() =>
    checkTensorSizes(unet, { ...gpu, maxScores: widest / 32 }),
  ).not.toThrow();
  await close();
});
