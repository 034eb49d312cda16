// Plans to start from: those that the model ships, and published methods made for its units.

import type { Plan } from "phaseskip";
import {
  deepCache,
  deltaReuse,
  fasterDiffusion,
  firstBlockCache,
  freeU,
  guidanceInterval,
  spectrum,
  taylorSeer,
  tGate,
} from "phaseskip/plans";

/** What a plan is made for. */
export interface PlanGround {
  /** Paths of the model's units. */
  readonly units: readonly string[];
  readonly numInferenceSteps: number;
}

/** A plan to start from. */
export interface PlanChoice {
  readonly label: string;
  readonly make: (ground: PlanGround) => Plan;
}

/** The published methods, at their usual settings. */
export const methods: readonly PlanChoice[] = [
  { label: "DeepCache, every 3", make: ({ units }) => deepCache({ units }) },
  {
    label: "Faster Diffusion",
    make: ({ numInferenceSteps }) =>
      fasterDiffusion({ keySteps: keySteps(numInferenceSteps) }),
  },
  {
    label: "T-GATE",
    make: (ground) => tGate({ ...ground, gateStep: gate(ground) }),
  },
  {
    label: "Guidance interval",
    make: () => guidanceInterval({ timesteps: [250, 900] }),
  },
  {
    label: "First-block cache",
    make: ({ units }) => firstBlockCache({ units }),
  },
  { label: "Δ-DiT, front and rear", make: (ground) => deltaReuse(ground) },
  { label: "TaylorSeer", make: (ground) => taylorSeer(ground) },
  {
    label: "Spectrum",
    make: ({ numInferenceSteps }) => spectrum({ numInferenceSteps }),
  },
  { label: "FreeU", make: ({ units }) => freeU({ units }) },
];

/** The paper's key steps of 50, at other numbers of steps. */
const keySteps = (steps: number) => [
  ...new Set(
    [0, 1, 2, 3, 5, 10, 15, 25, 35].map((step) =>
      Math.round((step * steps) / 50),
    ),
  ),
];

const gate = ({ numInferenceSteps }: PlanGround) =>
  Math.max(1, Math.round(numInferenceSteps * 0.4));

/** A plan as text to read and edit. */
export function planText(plan: Plan): string {
  return JSON.stringify(plan, undefined, 2).replace(
    // what is short stays on one line
    /\[\s+([^[\]{}]{1,60}?)\s+\]/g,
    (_, inner: string) => `[${inner.replace(/\s+/g, " ")}]`,
  );
}
