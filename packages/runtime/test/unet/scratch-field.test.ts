import { readFileSync } from "node:fs";
import { wholeModel, loadGraph, fixedBatch } from "@phaseskip/graph";
import { expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { openDevice } from "../../src/device/session.js";
import { unetInputs } from "../../src/inputs/unet-inputs.js";
import { UnetExecutor } from "../../src/unet/executor.js";
import { Weights } from "../../src/unet/weights.js";
import { ReferenceExecutor } from "./reference-executor.js";
import { farthest, planOf, runSchedule, runWhole, scheduleOf } from "./unet-runs.js";
vi.setConfig({ testTimeout: 300_000 });
const list = (process.env["FIELD"] ?? "").split(",");
test.each(list)("%s", async (path) => {
  const device = await openDevice("wasm", { threads: 1 });
  const folder = await openFolder(path);
  const file = await folder.file("unet/model.onnx");
  const graph = await loadGraph(file!, path);
  const weights = new Weights(folder, "unet/model.onnx");
  const executor = new UnetExecutor(device, graph, weights, unetInputs);
  const ch = Number(process.env["CH"] ?? 4);
  const unet = executor.unet({ batch: fixedBatch(graph) ?? 1, channels: ch, height: 16, width: 16, tokens: Number(process.env["TOK"] ?? 12), textWidth: Number(process.env["TW"] ?? 32) });
  const open = { graph, unet, executor, close: async () => {} };
  const plan = planOf([{ units: ["mid_block", "up_blocks.0"], action: "reuse", refresh: { every: 2 } } as never]);
  console.log(path, "units", unet.units.units.size, unet.warnings);
  const none = await runSchedule(open, scheduleOf(unet, planOf([])));
  let raw;
  try {
  const model = wholeModel(open.graph, true);
  const session = await device.createSession(model.bytes, await weights.external(model));
  raw = await runWhole(open, device, session);
  console.log(path, "none vs whole raw", farthest(none, raw));
  } catch (e) { console.log("whole", String(e)); }
  const found = await runSchedule(open, scheduleOf(unet, plan));
  let external;
  try { external = { name: "model.onnx.data", bytes: new Uint8Array(readFileSync(path + "/unet/model.onnx.data")) }; } catch {}
  try { external = { name: "weights.pb", bytes: new Uint8Array(readFileSync(path + "/unet/weights.pb")) }; } catch {}
  try {
  const ref = await ReferenceExecutor.open(device, unet, plan, new Uint8Array(readFileSync(path + "/unet/model.onnx")), external);
  const right = await ref.run(3);
  console.log(path, "plan vs reference", farthest(found, right), "plan vs none", farthest(found, none));
  } catch (e) { console.log(path, "reference", (e as Error).stack); }
  expect(1).toBe(1);
});
