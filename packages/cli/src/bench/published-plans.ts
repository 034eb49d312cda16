// Every published method as a plan for one model, at the settings that `phaseskip bench` measures.

import { hasText } from "@phaseskip/graph";
import type { Plan } from "@phaseskip/runtime";
import {
  blockCache,
  deepCache,
  deltaReuse,
  fasterDiffusion,
  firstBlockCache,
  freeU,
  guidanceInterval,
  spectrum,
  taylorSeer,
  tGate,
} from "@phaseskip/runtime/plans";
import type { ModelInspection } from "../inspection/model-inspection.js";

/** Steps of each run: as many pairs are measured. */
const numInferenceSteps = 30;
/** What a residual changes by from step to step, where nothing was measured: enough for a cost. */
const nominalChange = 0.05;

/**
 * Published methods as plans, each named after its function; those that act on text only where the model takes one,
 * and none where the model's units have no module names.
 */
export function publishedPlans({ unet }: ModelInspection): Plan[] {
  const units = [...unet.units.units.keys()];
  if (!units.includes("up_blocks.0.resnets.1")) return [];
  const layers = units.filter((unit) =>
    /_blocks\.\d+\.(resnets|attentions)\.\d+$/.test(unit),
  );
  const changes = Object.fromEntries(
    layers.map((unit) => [
      unit,
      Array.from({ length: numInferenceSteps }, () => nominalChange),
    ]),
  );
  const plans: Record<string, Plan> = {
    deepCache: deepCache({ units, interval: 3 }),
    "deepCache, non-uniform": deepCache({
      units,
      interval: 3,
      nonUniform: { numInferenceSteps, center: 9 },
    }),
    fasterDiffusion: fasterDiffusion({
      keySteps: [0, 1, 2, 3, 5, 8, 12, 16, 20, 25],
      priorNoise: 0.003,
    }),
    ...(hasText(unet.graph) && {
      tGate: tGate({
        numInferenceSteps,
        gateStep: 12,
        selfAttention: { before: 5, warmUp: 2 },
      }),
      guidanceInterval: guidanceInterval({ timesteps: [200, 800] }),
    }),
    blockCache: blockCache({ changes, threshold: 0.12 }),
    firstBlockCache: firstBlockCache({ units, threshold: 0.15 }),
    deltaReuse: deltaReuse({ units, interval: 2 }),
    taylorSeer: taylorSeer({ units, numInferenceSteps }),
    spectrum: spectrum({ numInferenceSteps }),
    freeU: freeU({ units }),
  };
  return Object.entries(plans).map(([name, plan]) => ({
    ...plan,
    name,
    steps: { numInferenceSteps },
  }));
}
