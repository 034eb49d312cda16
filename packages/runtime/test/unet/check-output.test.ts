// What a device hands back is looked at before it is used.
import { describe, expect, test } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { PartFiles } from "../../src/folder/part-files.js";
import { Network } from "../../src/networks/network.js";
import { openDevice } from "../../src/device/session.js";
import type { Device } from "../../src/device/session.js";
import { checkOutput } from "../../src/unet/check-output.js";
import { fileURLToPath } from "node:url";

describe("checkOutput()", () => {
  test.each([NaN, Infinity, -Infinity])("throws for %s", (value) => {
    expect(() => checkOutput(Float32Array.of(1, value), "the Unet")).toThrow(
      `the Unet must give finite numbers, and not zeros alone: it gives ${value}`,
    );
  });
  test("throws for zeros alone, unless they may be", () => {
    expect(() => checkOutput(new Float32Array(4), "the Unet")).toThrow(
      "all are zero",
    );
    checkOutput(new Float32Array(4), "the Unet", true);
    checkOutput(Float32Array.of(0, 1e-30), "the Unet");
  });
});

describe.each(["text_encoder", "vae_decoder"] as const)(
  "%s on a device that hands back zeros",
  (part) => {
    test("is inference-failed, and works again when the device does", async () => {
      const real = await openDevice("wasm", { threads: 1 });
      let isBroken = true;
      const device: Device = {
        ...real,
        read: async (tensor) => {
          const data = await real.read(tensor);
          return isBroken ? data.fill(0) : data;
        },
      };
      const model = new URL("../../../../models/tiny-sd-ts/", import.meta.url);
      const folder = await openFolder(fileURLToPath(model));
      const path = `${part}/model.onnx`;
      const network = await Network.open(new PartFiles(folder), device, part);
      const rows = Object.fromEntries(
        network.graph.inputs.map(({ name, dims = [] }) => {
          const row = dims.slice(1).map((dim) => Number(dim) || 8);
          const count = row.reduce((product, dim) => product * dim, 1);
          const data = Array.from({ length: count }, (_, i) => i % 7);
          const isText = part === "text_encoder";
          return [
            name,
            { dims: row, data: isText ? data : Float32Array.from(data) },
          ];
        }),
      );
      const fetches = [network.graph.outputs[0]!.name];
      await expect(network.run(rows, fetches)).rejects.toMatchObject({
        code: "inference-failed",
        message: expect.stringContaining(path) as string,
      });
      isBroken = false;
      expect(await network.run(rows, fetches)).toHaveLength(1);
      await network.release();
      await folder.close();
    });
  },
);
