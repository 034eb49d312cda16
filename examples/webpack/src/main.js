import { loadPipeline } from "phaseskip";

const status = document.querySelector("[role=status]");
const canvas = document.querySelector("canvas");

try {
  const pipeline = await loadPipeline("models/scenes/", {
    worker: () =>
      new Worker(new URL("./phaseskip.worker.js", import.meta.url), {
        type: "module",
      }),
    onProgress: ({ modelLoaded, modelTotal }) => {
      status.textContent = `loading, ${Math.round((100 * modelLoaded) / modelTotal)} %`;
    },
  });
  const { images, report } = await pipeline.generate({
    prompt: "a red boat on the left on the sea at sunset",
    seed: 7,
    plan: "balanced",
  });
  const { data, width, height } = images[0];
  Object.assign(canvas, { width, height });
  canvas
    .getContext("2d")
    .putImageData(new ImageData(data, width, height), 0, 0);
  status.textContent = `${Math.round(100 * report.macsSaved)} % of the work left out`;
} catch (error) {
  status.textContent = String(error);
}
