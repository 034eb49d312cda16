// The found plan as a file, with how it was found and what was measured.

import {
  describeChange,
  draftPlan,
  nameOf,
  summarise,
  type Draft,
  type FoundPlan,
  type Goal,
  type Grid,
  type Quality,
  type SplitSummary,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import type { StudyRunner } from "./plan-runner.js";
import type { StudySampler } from "./study-sampler.js";

/** What a part of a plan saves and loses: the plan without it, less the plan. */
export interface Attribution {
  /** The part. */
  readonly part: "steps" | "guidance" | "blocks and skips";
  /** Share of the full model's multiply-accumulates that the plan without it would cost more. */
  readonly saves: number;
  /** Mean SSIM that the plan without it would win, on the validation split. */
  readonly loses: number;
}

/** A plan's `calibration`, as `plan` writes it. */
export interface Calibration {
  readonly budget: string;
  /** Whether the validation split agrees. */
  readonly isReached: boolean;
  readonly model: string;
  readonly sampler: StudySampler;
  /** Multiply-accumulates over those of the full model with the exact savings on. */
  readonly cost: number;
  readonly evaluations: number;
  /** SSIM to the full model on the same grid. */
  readonly search: SplitSummary;
  readonly validation: SplitSummary;
  readonly test: SplitSummary;
  /** SSIM of the test to the converged path, where it was asked for. */
  readonly testToConverged?: SplitSummary;
  readonly salt: string;
  readonly attribution: readonly Attribution[];
  readonly changes: readonly string[];
  readonly notes: readonly string[];
}

/** A plan without what says how it was found. */
export function plainPlan(
  { draft, goal }: Pick<FoundPlan, "draft" | "goal">,
  grid: Grid,
  model: string,
): Plan {
  return { ...draftPlan(draft, grid, planName(goal)), model: { unet: model } };
}

/** A name such as `ssim-0.95`. */
export function planName(goal: Goal): string {
  return nameOf(goal).replace("=", "-");
}

/** What each part of a plan saves and loses, by running the plan without it. */
export async function attribute(
  { draft, cost, validation }: FoundPlan,
  grid: Grid,
  runner: StudyRunner,
): Promise<Attribution[]> {
  const kinds = {
    steps: "steps",
    guidance: "guidance",
    "blocks and skips": "unit",
  } as const;
  const own = summarise(validation.ssim).mean;
  const found: Attribution[] = [];
  for (const [part, kind] of Object.entries(kinds)) {
    const rest: Draft = draft.filter((change) => change.kind !== kind);
    if (rest.length === draft.length) continue;
    const plan = draftPlan(rest, grid, "without");
    const without = await runner.measure({ name: part, plan }, "validation");
    found.push({
      part: part as Attribution["part"],
      saves: without.cost - cost,
      loses: summarise(without.ssim).mean - own,
    });
  }
  return found;
}

/** Puts a calibration together. */
export function calibrate(
  found: FoundPlan,
  test: Quality,
  more: Pick<
    Calibration,
    "model" | "sampler" | "evaluations" | "salt" | "attribution" | "notes"
  > & { readonly hasPrompts: boolean },
): Calibration {
  const { goal, draft, isReached, cost, search, validation } = found;
  const summary = summarise(test.ssim);
  const isSmall =
    summary.pairs < 256 || (more.hasPrompts && summary.prompts < 64);
  const tested = more.hasPrompts
    ? `${summary.pairs} pairs of ${summary.prompts} prompts: fewer than the 64 × 4`
    : `${summary.pairs} pictures: fewer than the 256`;
  const small = isSmall ? [`tested on ${tested} that a claim needs`] : [];
  const { model, sampler, evaluations, salt, attribution } = more;
  return {
    budget: nameOf(goal),
    isReached,
    model,
    sampler,
    cost,
    evaluations,
    search: summarise(search.ssim),
    validation: summarise(validation.ssim),
    test: summary,
    ...(test.converged && { testToConverged: summarise(test.converged) }),
    salt,
    attribution,
    changes: draft.map(describeChange),
    notes: [...more.notes, ...small],
  };
}
