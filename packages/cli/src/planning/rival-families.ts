// What a found plan is measured against: fewer steps, and each published method over its own parameters, numbers of
// steps, and the guidance policies that the found plan could have.

import type { Contestant, Grid } from "@phaseskip/ablation";
import type { GuidanceRule, Phase, Plan } from "@phaseskip/runtime";
import { emptyPlan } from "@phaseskip/runtime/internals";
import {
  blockCache,
  deepCache,
  deltaReuse,
  fasterDiffusion,
  firstBlockCache,
  guidanceInterval,
  spectrum,
  taylorSeer,
  tGate,
} from "@phaseskip/runtime/plans";
import type { StudySampler } from "./study-sampler.js";

/** What rivals are made for. */
export interface RivalSetting {
  readonly sampler: StudySampler;
  readonly grid: Grid;
  /** Paths of the model's units. */
  readonly units: readonly string[];
  /** By unit: how much its residual changes at each step, for Block Caching. */
  readonly changes: Readonly<Record<string, readonly number[]>>;
  /** Whether rivals may change guidance. */
  readonly isGuidanceFree: boolean;
}

/** A rival before it is tuned: its name, and all its settings. */
export interface RivalFamily {
  readonly name: string;
  readonly contestants: readonly Contestant[];
}

const spacings = ["leading", "trailing", "linspace"] as const;
const stepShares = [1, 0.8, 0.66, 0.5] as const;

/** All families that apply to a model; a method that its units do not allow has no settings, and is left out. */
export function rivalFamilies(setting: RivalSetting): RivalFamily[] {
  const { units, changes, grid, isGuidanceFree, sampler } = setting;
  const { numInferenceSteps: count } = sampler;
  const { numTrainTimesteps } = grid;
  const methods: Record<string, () => Plan[]> = {
    DeepCache: () =>
      crossed([2, 3, 4, 5, 7, 10], [0, 1, 2, 3, 4, 5], (interval, branch) =>
        deepCache({ units, interval, branch }),
      ),
    "Faster Diffusion": () => [
      fasterDiffusion(),
      ...[2, 3, 4, 5, 8].map((every) =>
        fasterDiffusion({ keySteps: everyStep(count, every) }),
      ),
    ],
    "block caching": () =>
      Object.keys(changes).length === 0
        ? []
        : [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1].map((threshold) =>
            blockCache({ changes, threshold }),
          ),
    "first-block cache": () =>
      [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5].map((threshold) =>
        firstBlockCache({ units, threshold }),
      ),
    "Δ-DiT": () =>
      crossed([2, 3, 4, 5], [300, 500, 700], (interval, boundary) =>
        deltaReuse({ units, interval, boundary, numTrainTimesteps }),
      ),
    TaylorSeer: () => {
      const run = { units, numInferenceSteps: count, numTrainTimesteps };
      const { timesteps } = grid;
      return [1, 3, 5].flatMap((warmup) =>
        crossed([2, 3, 4, 5, 6], [1, 2], (interval, order) =>
          taylorSeer({ ...run, timesteps, interval, order, warmup }),
        ),
      );
    },
    Spectrum: () => {
      const run = { numInferenceSteps: count, timesteps: grid.timesteps };
      return [0.4, 0.8].flatMap((mix) =>
        crossed([2, 3, 4], [0, 0.25, 0.5, 1], (window, growth) =>
          spectrum({ ...run, window, growth, mix }),
        ),
      );
    },
    ...(isGuidanceFree && {
      "T-GATE": () =>
        crossed([0.2, 0.4, 0.6, 0.8], [false, true], (share, isSparse) =>
          tGate({
            gateStep: Math.max(1, Math.round(share * count)),
            numInferenceSteps: count,
            timesteps: grid.timesteps,
            numTrainTimesteps,
            ...(isSparse && { selfAttention: {} }),
          }),
        ),
      "guidance interval": () =>
        crossed([0, 0.2, 0.4, 0.6], [0.6, 0.8, 1], (low, high) =>
          guidanceInterval({
            timesteps: [low * numTrainTimesteps, high * numTrainTimesteps],
            numTrainTimesteps,
          }),
        ),
    }),
  };
  const families = Object.entries(methods).map(([name, make]) => ({
    name,
    contestants: plansOf(make).flatMap((plan) =>
      // a schedule by step index, as Block Caching's is, holds for its own number of steps
      (name === "block caching" ? [1] : stepShares).flatMap((share) =>
        withPolicies(setting, plan).map((own) =>
          contestant(name, own, Math.max(1, Math.round(share * count))),
        ),
      ),
    ),
  }));
  return [
    { name: "fewer steps", contestants: fewerSteps(setting) },
    ...families.filter(({ contestants }) => contestants.length > 0),
  ];
}

/** A plan with each guidance policy that is allowed, none among them. */
function withPolicies(
  { isGuidanceFree, grid }: RivalSetting,
  plan: Plan,
): Plan[] {
  if (!isGuidanceFree || (plan.guidance ?? []).length > 0) return [plan];
  const at = (share: number) => share * grid.numTrainTimesteps;
  const late = (share: number): Phase => ({
    name: `g${at(share)}`,
    from: at(share),
    to: 0,
  });
  const noisy = { name: "g-noisy", from: grid.numTrainTimesteps, to: at(0.8) };
  const off = (...phases: Phase[]) => ({
    phases,
    guidance: phases.map(({ name }): GuidanceRule => ({
      phases: [name],
      action: "off",
    })),
  });
  const policies = [
    { phases: [], guidance: [] },
    ...[0.2, 0.4, 0.6, 0.8].map((share) => off(late(share))),
    off(noisy, late(0.4)),
  ];
  return policies.map(({ phases, guidance }) => ({
    ...plan,
    phases: [...plan.phases, ...phases],
    guidance,
  }));
}

/** Every number of steps below the full one, spacing, and solver without noise of its own. */
function fewerSteps(setting: RivalSetting): Contestant[] {
  const { sampler } = setting;
  const solvers = [
    ...new Set([sampler.scheduler, "ddim", "dpmpp-2m", "euler"] as const),
  ];
  const counts = Array.from(
    { length: sampler.numInferenceSteps - 1 },
    (_, i) => sampler.numInferenceSteps - 1 - i,
  );
  return solvers.flatMap((scheduler) =>
    spacings.flatMap((spacing) =>
      withPolicies(setting, emptyPlan).flatMap((plan) =>
        counts.map((count) => ({
          ...contestant(`${scheduler} ${spacing}`, plan, count),
          scheduler,
          spacing,
        })),
      ),
    ),
  );
}

/** A contestant under a name that tells its setting. */
function contestant(family: string, plan: Plan, count: number): Contestant {
  const guidance = (plan.guidance ?? []).length > 0 ? ", guidance cut" : "";
  const own = plan.name === "none" ? family : (plan.name ?? family);
  return {
    name: `${own}, ${count} steps${guidance}`,
    plan: { ...plan, steps: { numInferenceSteps: count } },
  };
}

function everyStep(count: number, every: number): number[] {
  return Array.from({ length: Math.ceil(count / every) }, (_, i) => i * every);
}

/** Each setting's plan, without those that the method refuses. */
function plansOf(make: () => Plan[]): Plan[] {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** All pairs, without those that the method refuses. */
function crossed<A, B>(
  first: readonly A[],
  second: readonly B[],
  make: (a: A, b: B) => Plan,
): Plan[] {
  return first.flatMap((a) =>
    second.flatMap((b) => plansOf(() => [make(a, b)])),
  );
}
