// What a call can ask for.
// #region calls
import { describePlan, type InputPicture, type Pipeline } from "phaseskip";

/** A call of each kind. */
export async function draw(
  pipeline: Pipeline,
  prompt: string,
  image: InputPicture,
  mask: InputPicture,
): Promise<number> {
  // image i of a call has seed 7 + i
  await pipeline.generate({ prompt: ["a red boat", "a house"], seed: 7 });
  // where the export leaves sizes open
  await pipeline.generate({ prompt, height: 48, width: 64 });
  // from a picture, an ImageData for one, and what is light in the mask
  await pipeline.generate({ prompt, image, strength: 0.6 });
  await pipeline.generate({ prompt, image, mask });
  // drops what waits and runs: pictures that follow typing
  await pipeline.generate({ prompt, whenBusy: "latest" });
  // a rough picture at every fifth step; leaving the loop ends the run
  for await (const step of pipeline.denoise({ prompt, preview: 5 }))
    if (step.preview) document.title = `step ${step.stepIndex}`;
  // what a plan saves, before anything runs
  const { macsSaved } = await describePlan(pipeline, "balanced");
  return macsSaved;
}
// #endregion calls

// #region cancel
/** A picture that a button can stop. */
export async function cancellable(pipeline: Pipeline): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  document.querySelector("button")!.addEventListener("click", stop);
  const { signal } = controller;
  await pipeline.generate({ prompt: "a red boat", signal });
}
// #endregion cancel

// #region refined
/** A picture that SDXL's base begins, and its refiner finishes. */
export async function refined(base: Pipeline, refiner: Pipeline) {
  const call = { prompt: "a red boat", numInferenceSteps: 40 };
  const { sample, sampleShape } = await base.generate({
    ...call,
    denoisingEnd: 0.8,
  });
  const latents = { data: sample, shape: sampleShape };
  return refiner.generate({ ...call, latents, denoisingStart: 0.8 });
}
// #endregion refined

// #region control
/** A picture that follows edges, closely at first. */
export async function controlled(
  pipeline: Pipeline,
  edges: InputPicture,
): Promise<void> {
  const control = { image: edges, scale: 0.8, end: 0.7 };
  await pipeline.generate({ prompt: "a red boat", control });
}
// #endregion control

// #region takes
/** A call with what a model cannot do without, and a prompt where it takes one. */
export async function drawAny(
  pipeline: Pipeline,
  prompt: string,
  given: { image: InputPicture; mask: InputPicture; classLabel: number },
): Promise<void> {
  const { options, needs } = pipeline.takes;
  const needed = Object.entries(given).filter(([name]) =>
    (needs as readonly string[]).includes(name),
  );
  await pipeline.generate({
    ...Object.fromEntries(needed),
    ...(options.includes("prompt") && { prompt }),
  });
}
// #endregion takes
