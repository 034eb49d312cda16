// The README's example around a network that knows the answer: every pixel is 0.25.

import { createScheduler, generator } from "@phaseskip/scheduler";

const config = { beta_schedule: "scaled_linear", clip_sample: false }; // a model's scheduler_config.json
const scheduler = createScheduler("ddim", config, { numInferenceSteps: 20 });
const source = generator(7); // equals torch.Generator("cpu").manual_seed(7)

const length = 3 * 32 * 32; // one image, [channel, height, width]
let sample = source
  .randn(length)
  .map((value) => value * scheduler.initNoiseSigma);
let state = scheduler.initialState();
for (const stepIndex of scheduler.timesteps.keys()) {
  const input = scheduler.scaleModelInput(sample, stepIndex);
  const modelOutput = network(input, scheduler.timesteps[stepIndex]!);
  const noise = scheduler.drawNoise(source, stepIndex, length);
  const output = scheduler.step({
    modelOutput,
    sample,
    stepIndex,
    state,
    noise,
  });
  ({ prevSample: sample, state } = output);
}

/** What the loop ends with. */
export const finalSample = sample;

function network(input: Float32Array, timestep: number): Float32Array {
  const alphaCumprod = scheduler.alphasCumprod[timestep]!;
  const noise = Math.sqrt(1 - alphaCumprod);
  return input.map((value) => (value - Math.sqrt(alphaCumprod) * 0.25) / noise);
}
