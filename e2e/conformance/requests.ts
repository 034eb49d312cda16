// What the conformance page draws, and Node draws too: each by its name, so that the pictures can be compared.
import type { DenoiseOptions, Plan } from "phaseskip";

/** A model of models/ and what is drawn with it. */
export interface GoldenRequest {
  /** Folder in models/. */
  readonly model: string;
  /** What is drawn. */
  readonly options: DenoiseOptions;
}

/** What is inside the outermost level at every third step, in the late steps no guidance: balanced, for tiny models. */
const reusePlan: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "reuse",
  phases: [
    { name: "composition", from: 1000, to: 700 },
    { name: "denoising", from: 700, to: 0 },
    { name: "finish", from: 300, to: 0 },
  ],
  rules: [
    {
      units: ["up_blocks.1"],
      phases: ["denoising"],
      action: "reuse",
      refresh: { every: 3 },
    },
  ],
  guidance: [{ phases: ["finish"], action: "off" }],
};

/** A plan that acts on a unit and changes nothing. */
export const idlePlan: Plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "idle",
  phases: [],
  rules: [
    { units: ["up_blocks.1"], action: "reuse", refresh: { every: 1 } },
    { units: ["mid_block"], action: "run" },
  ],
};

const boat = {
  prompt: "a red boat on the sea",
  seed: 7,
  numInferenceSteps: 6,
  guidanceScale: 3,
};

/** By name. */
export const requests = {
  full: { model: "tiny-text-ts", options: boat },
  reuse: { model: "tiny-text-ts", options: { ...boat, plan: reusePlan } },
  latent: {
    model: "tiny-sd-ts",
    options: { prompt: "a photo", seed: 3, numInferenceSteps: 4 },
  },
  scene: {
    model: "scenes",
    options: {
      prompt: "a red boat on the sea at sunset",
      seed: 7,
      guidanceScale: 3,
      plan: "balanced",
    },
  },
} as const satisfies Record<string, GoldenRequest>;

/** One of {@link requests}. */
export type RequestName = keyof typeof requests;

/** A picture as JSON. */
export interface GoldenPicture {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** RGBA, row-major, in base64. */
  readonly data: string;
}

/** How far a level of 0 … 255 may be from Node's, in any engine on WASM. */
export const pictureTolerance = 1;
