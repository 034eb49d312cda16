// A picture on a canvas, from nothing: what the site shows first.
// #region draw
import { loadPipeline } from "phaseskip";

const pipeline = await loadPipeline("/models/scenes/", {
  worker: () =>
    new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
      type: "module",
    }),
});
const { images, report } = await pipeline.generate({
  prompt: "a red boat at sunset",
  seed: 7,
  plan: "balanced",
});
// #endregion draw

// #region show
const { data, width, height } = images[0]!;
const canvas = document.querySelector("canvas")!;
Object.assign(canvas, { width, height });
canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
document.title = `${Math.round(100 * report.macsSaved)} % of the work left out`;
// #endregion show
