// The forms of a sweep's files.

import type { Form } from "./form.js";
import { windowKinds } from "./windows.js";

const listOf = (form: Form): Form => ({ listOf: form });
const orNull = (form: Form): Form => ({ orNull: form });
const object = (fields: Readonly<Record<string, Form>>): Form => ({ fields });

const window = object({
  kind: { oneOf: windowKinds },
  bin: "index",
  firstStep: "index",
  endStep: "index",
  from: "number",
  to: "number",
});
const end = { ssim: "number", relativeL2: "number" } as const;

/** What each kind of row must be, by the field that tells it from others. */
export const rowForms: Readonly<Record<string, Form>> = {
  cell: object({
    cell: "string",
    unit: "string",
    units: listOf("string"),
    family: { oneOf: ["removal", "lesion", "reuse"] },
    action: { oneOf: ["zeroResidual", "zero", "bypass", "mean", "reuse"] },
    refresh: orNull(object({ every: "number" })),
    window,
    macs: object({ full: "number", saved: "number" }),
    effects: listOf(
      object({
        pair: "index",
        local: "number",
        ...end,
        clippedShare: "number",
        toConverged: orNull(object(end)),
        normalised: orNull(
          object({ ssimLoss: orNull("number"), relativeL2: orNull("number") }),
        ),
      }),
    ),
  }),
  response: object({
    response: "string",
    window,
    direction: "index",
    effects: listOf(object({ pair: "index", norm: "number", ...end })),
  }),
  floor: object({
    floor: "string",
    source: { oneOf: ["noise", "backend"] },
    effects: listOf(object({ pair: "index", ...end })),
  }),
  emergence: object({
    emergence: "string",
    pair: "index",
    lowPassSsim: listOf("number"),
  }),
  converged: object({
    converged: "string",
    pair: "index",
    agreement: "number",
    ...end,
  }),
  reference: object({
    reference: "string",
    pair: "index",
    projections: listOf("number"),
  }),
};

/** What `manifest.json` must be, beside its format and version. */
export const manifestForm: Form = object({
  settings: object({
    scheduler: "string",
    schedulerOptions: { orAbsent: listOf("string") },
    numInferenceSteps: "index",
    guidanceScale: "number",
    units: listOf("string"),
    bins: "index",
    windows: listOf({ oneOf: windowKinds }),
    actions: listOf("string"),
    prompts: orNull(listOf("string")),
    seeds: "index",
    seed: "index",
    directions: "index",
    converged: "index",
    floorBackend: orNull("string"),
  }),
  identity: object({
    model: "string",
    planLanguage: "string",
    onnxRuntime: "string",
  }),
  timesteps: listOf("number"),
  logSnr: listOf("number"),
  pairs: listOf(object({ prompt: "index", seed: "index" })),
  measured: listOf(
    object({
      unit: "string",
      kind: {
        oneOf: ["block", "blockWithSkips", "unit", "sampler", "skip", "skips"],
      },
    }),
  ),
  rows: listOf("string"),
  shard: object({ index: "index", count: "index" }),
  cpu: "string",
});
