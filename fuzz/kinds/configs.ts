// Configurations of a model folder: diffusers' scheduler_config.json, model_index.json, the parts' config.json.

import {
  loadScheduler,
  parseSchedulerConfig,
  schedulerNames,
} from "@phaseskip/scheduler";
import { loadModelIndex } from "../../packages/runtime/src/folder/model-index.js";
import type { Kind } from "../kind.js";
import { mutateJson } from "../mutate-json.js";
import { jsonFolder, modelJson, modelNetworks } from "./json-folder.js";

const samplers = {
  _class_name: "DPMSolverMultistepScheduler",
  _diffusers_version: "0.42.1",
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  trained_betas: null,
  solver_order: 2,
  prediction_type: "epsilon",
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  algorithm_type: "dpmsolver++",
  solver_type: "midpoint",
  lower_order_final: true,
  use_karras_sigmas: true,
  final_sigmas_type: "zero",
  lambda_min_clipped: -1e999,
  variance_type: null,
  timestep_spacing: "leading",
  steps_offset: 1,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  clip_sample: true,
  clip_sample_range: 1,
  original_inference_steps: 50,
};

/** scheduler_config.json, to a sampler's first step. */
export const schedulerKind: Kind = {
  name: "scheduler configs",
  share: 14,
  open: () =>
    Promise.resolve((random) => {
      const text = mutateJson(samplers, random);
      const name = random.pick(schedulerNames);
      const numInferenceSteps = random.pick([1, 2, 10, 50]);
      return async () => {
        const config = parseSchedulerConfig(text);
        const options = { numInferenceSteps };
        const scheduler = await loadScheduler(name, config, options);
        const sample = new Float32Array(4).fill(0.5);
        scheduler.step({
          sample: scheduler.scaleModelInput(sample, 0),
          modelOutput: sample,
          stepIndex: 0,
          state: scheduler.initialState(),
          noise: sample,
        });
      };
    }),
};

const models = [
  "tiny-text-ts",
  "tiny-sd-ts",
  "tiny-sdxl-ts",
  "tiny-lcm-ts",
  "tiny-ddpm-ts",
];
const files = [
  "model_index.json",
  "unet/config.json",
  "scheduler/scheduler_config.json",
  "vae_decoder/config.json",
];

/** model_index.json and the parts' config.json. */
export const configKind: Kind = {
  name: "model configs",
  share: 10,
  open: async () => {
    const folders = await Promise.all(
      models.map(async (model) => ({
        texts: await modelJson(model, files),
        networks: await modelNetworks(model),
      })),
    );
    return (random) => {
      const { texts, networks } = random.pick(folders);
      const folder = new Map(texts);
      const path = random.pick([...folder.keys()]);
      folder.set(
        path,
        mutateJson(JSON.parse(folder.get(path)!) as object, random),
      );
      if (random.chance(0.05)) folder.delete(random.pick([...folder.keys()]));
      return () => loadModelIndex(jsonFolder(folder, networks));
    };
  },
};
