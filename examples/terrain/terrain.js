// Draws terrain with a Unet whose inputs are its own: each call says how difficult it is to be.

import { loadPipeline } from "./phaseskip/phaseskip.js";
import { paintTerrain } from "./paint-terrain.js";

const form = document.querySelector("form");
const button = form.querySelector("button");
const status = document.querySelector("[role=status]");
const show = (error) => (status.textContent = String(error));

try {
  // the files beside model.onnx say what its inputs are called, and which sampler it was trained for
  const pipeline = await loadPipeline("model/model.onnx", {
    worker: () =>
      new Worker("phaseskip/phaseskip.worker.js", { type: "module" }),
    onProgress: ({ modelLoaded, modelTotal }) =>
      (status.textContent = `Loading ${Math.round((100 * modelLoaded) / modelTotal)} %`),
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    draw(pipeline).catch(show);
  });
  button.disabled = false;
  await draw(pipeline);
} catch (error) {
  show(error);
}

async function draw(pipeline) {
  const given = new FormData(form);
  // the model counts difficulty from 0 to 1
  const difficulty = (Number(given.get("difficulty")) - 1) / 99;
  const unit = String(given.get("unit"));
  const request = {
    seed: Number(given.get("seed")),
    constants: { difficulty },
  };
  const without = {
    format: "phaseskip-plan",
    version: 1,
    phases: [],
    rules: [{ units: [unit], action: "zero" }],
  };
  status.textContent = "Drawing";
  const whole = await pipeline.generate(request);
  paintTerrain(document.querySelector("#whole"), whole.sample);
  const lesion = await pipeline.generate({ ...request, plan: without });
  paintTerrain(document.querySelector("#lesion"), lesion.sample);
  const milliseconds = whole.report.milliseconds.toFixed(0);
  status.textContent = `${milliseconds} ms for the whole, on ${pipeline.device}`;
}
