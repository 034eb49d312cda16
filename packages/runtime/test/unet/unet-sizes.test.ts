import { loadGraph } from "@phaseskip/graph";
import { expect, test } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { unetInputs } from "../../src/inputs/unet-inputs.js";
import { UnetSizes } from "../../src/unet/unet-sizes.js";
import { fixtureFolder } from "./unet-runs.js";

test("UnetSizes keeps the sizes that were asked for last, and no more of them", async () => {
  const folder = await openFolder(fixtureFolder("tiny-text-ts"));
  const file = await folder.file("unet/model.onnx");
  const graph = await loadGraph(file!, "tiny-text-ts");
  await folder.close();
  const sizes = new UnetSizes(graph, unetInputs);
  const at = (side: number) =>
    sizes.get({
      batch: 1,
      channels: 3,
      height: side,
      width: side,
      tokens: 12,
      textWidth: 8,
    });
  const first = at(8);
  for (const side of [16, 24, 32]) at(side);
  expect(at(8)).toBe(first);
  for (const side of [40, 48, 56, 64]) at(side);
  expect(at(8)).not.toBe(first);
});
