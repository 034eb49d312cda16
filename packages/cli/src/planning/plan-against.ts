// `phaseskip plan --against`: where the found plans stand beside their rivals, on the test's pairs; losses too.

import {
  nameOf,
  standings,
  summarise,
  type Contestant,
  type PlannerResult,
  type Quality,
  type SplitSummary,
  type Standing,
} from "@phaseskip/ablation";
import { seededRandom } from "@phaseskip/metrics";
import { PhaseskipError } from "@phaseskip/runtime";
import type { PlanSession, WrittenPlan } from "./plan-session.js";
import { drawTestOf } from "./plan-test.js";
import type { ProgressStream } from "../terminal/progress.js";
import { rivalFamilies } from "./rival-families.js";
import {
  climbFrom,
  searchRandomly,
  tuneFamily,
  type TunedRival,
} from "./rival-tuning.js";
import { samplerRequest } from "./study-sampler.js";
import { formatTable } from "../terminal/table.js";

/** A found plan beside one rival. */
export interface Comparison {
  /** What both were to cost. */
  readonly budget: string;
  readonly rival: string;
  /** The rival's best setting. */
  readonly setting: string;
  readonly contestant: Contestant;
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  readonly planCost: number;
  /** Pictures that the rival's tuning drew. */
  readonly evaluations: number;
  /** SSIM to the full model on the test's pairs. */
  readonly test: SplitSummary;
  readonly standing: Standing;
  /** SSIM to the converged path, and how the plan stands there, where it was asked for. */
  readonly toConverged?: {
    readonly test: SplitSummary;
    readonly standing: Standing;
  };
}

/** One table: all rivals under the same guidance policies as the plans. */
export interface AgainstTable {
  readonly guidance: "fixed" | "free";
  readonly comparisons: readonly Comparison[];
  /** Rivals without a setting at or under the cost, and what could not be run. */
  readonly notes: readonly string[];
}

interface Tested {
  readonly plan: WrittenPlan;
  readonly rival: TunedRival;
  readonly own: Quality;
  readonly other: Quality;
}

/** Tunes all rivals of the found plans, and tests them on the plans' own pairs. */
export async function runAgainst(
  session: PlanSession,
  plans: readonly WrittenPlan[],
  { evaluations, changes }: PlannerResult,
  guidance: "fixed" | "free",
): Promise<AgainstTable> {
  const { sweep, grid, study, runner, options, pictures } = session;
  const families = rivalFamilies({
    sampler: sweep.sampler,
    grid,
    units: await study.units(),
    changes: await changesOf(session),
    isGuidanceFree: guidance === "free",
  });
  const notes = [
    "costs are multiply-accumulates of the pipeline; times were not measured",
  ];
  const tested: Tested[] = [];
  for (const plan of plans) {
    const cost = rivalCost(plan);
    const limits = { cost: cost + 1e-9, evaluations };
    const random = seededRandom(options.seed + 1);
    const tuned: TunedRival[] = [];
    const add = async (
      name: string,
      tune: () => Promise<TunedRival | undefined>,
    ) => {
      pictures.begin(name);
      const rival = await tune();
      if (rival) tuned.push(rival);
      else
        notes.push(
          `${name} has no setting that costs at most ${(100 * cost).toFixed(1)} %`,
        );
    };
    for (const family of families)
      await add(family.name, () => tuneFamily(family, runner, limits));
    await add("random search", () =>
      searchRandomly(changes, grid, runner, limits, random),
    );
    const best = await bestPublished(session, tuned);
    if (best)
      await add("local search", () =>
        climbFrom(best, changes, grid, runner, limits, random),
      );
    drawTestOf(session, plan.plan);
    const name = nameOf(plan.found.goal);
    const own = await runner.measure({ name, plan: plan.plan }, "test");
    for (const rival of tuned) {
      const other = await runner.measure(rival.contestant, "test");
      tested.push({ plan, rival, own, other });
    }
  }
  return { guidance, comparisons: compare(tested), notes };
}

/** What a rival may cost: the budget, where that is a cost, and what the plan costs, where it is not. */
function rivalCost({ found, calibration }: WrittenPlan): number {
  const { goal } = found;
  return goal.kind === "macs"
    ? Math.max(goal.most, calibration.cost)
    : calibration.cost;
}

/** How much residuals change, mean over the search pairs; nothing where the model has none. */
async function changesOf({
  study,
  sweep,
  splits,
}: PlanSession): Promise<Record<string, number[]>> {
  const draws = splits.search.flat();
  const sums: Record<string, number[]> = {};
  try {
    for (const draw of draws) {
      const changes = await study.changes({
        ...samplerRequest(sweep.sampler),
        ...draw,
      });
      for (const [unit, list] of Object.entries(changes)) {
        const before = sums[unit] ?? list.map(() => 0);
        sums[unit] = list.map((one, i) => before[i]! + one / draws.length);
      }
    }
    return sums;
  } catch (error) {
    const isRefused =
      error instanceof PhaseskipError && error.code === "plan-invalid";
    if (isRefused) return {};
    throw error;
  }
}

/** The best of the published methods on the validation split; fewer steps and random plans are none. */
async function bestPublished(
  { runner }: PlanSession,
  tuned: readonly TunedRival[],
): Promise<Contestant | undefined> {
  let best: { contestant: Contestant; mean: number } | undefined;
  for (const { name, contestant } of tuned) {
    if (name === "fewer steps" || name === "random search") continue;
    const { ssim } = await runner.measure(contestant, "validation");
    const { mean } = summarise(ssim);
    if (!best || mean > best.mean) best = { contestant, mean };
  }
  return best?.contestant;
}

function compare(tested: readonly Tested[]): Comparison[] {
  const toFull = standings(
    tested.map(({ own, other }) => ({ plan: own.ssim, rival: other.ssim })),
  );
  const ends = tested.flatMap(({ own, other }) =>
    own.converged && other.converged
      ? [{ plan: own.converged, rival: other.converged }]
      : [],
  );
  const toConverged = ends.length === tested.length ? standings(ends) : [];
  return tested.map(({ plan, rival, other }, i) => ({
    budget: nameOf(plan.found.goal),
    rival: rival.name,
    setting: rival.contestant.name,
    contestant: rival.contestant,
    cost: other.cost,
    planCost: plan.calibration.cost,
    evaluations: rival.evaluations,
    test: summarise(other.ssim),
    standing: toFull[i]!,
    ...(toConverged[i] && {
      toConverged: {
        test: summarise(other.converged!),
        standing: toConverged[i],
      },
    }),
  }));
}

/** One table for each budget, as text. */
export function describeAgainst(
  { guidance, comparisons, notes }: AgainstTable,
  stream: ProgressStream,
): string {
  const budgets = [...new Set(comparisons.map(({ budget }) => budget))];
  const tables = budgets.map((budget) => {
    const rows = comparisons.filter((one) => one.budget === budget);
    const cost = `${(100 * rows[0]!.planCost).toFixed(1)} %`;
    const title = `${budget}, guidance ${guidance}: the plan (${cost} of the MACs) against rivals`;
    return `\n${title}\n${rivalTable(rows, stream)}`;
  });
  const isConverged = comparisons.some((one) => one.toConverged);
  const lines = [
    "SSIM to the full model on the test's pairs; difference: the plan's less the",
    "rival's, 95 % interval; p-values corrected by Holm over all rows",
    ...(isConverged
      ? [
          "converged: the same, of SSIM to the converged path, on the pairs where half as",
          "many steps lead to the same picture",
        ]
      : []),
    ...settingsOf(comparisons),
    ...notes.map((note) => `note: ${note}`),
  ];
  return `${tables.join("")}${lines.join("\n")}\n`;
}

function rivalTable(
  comparisons: readonly Comparison[],
  stream: ProgressStream,
): string {
  const isConverged = comparisons.some((one) => one.toConverged);
  return formatTable(
    [
      { title: "rival" },
      { title: "MACs", align: "right" },
      { title: "SSIM", align: "right" },
      { title: "difference", align: "right" },
      { title: "the plan", align: "right" },
      ...(isConverged ? [{ title: "converged", align: "right" as const }] : []),
    ],
    comparisons.map((one) => {
      const { value, lower, upper } = one.standing.difference;
      return [
        one.rival,
        `${(100 * one.cost).toFixed(1)} %`,
        one.test.mean.toFixed(4),
        `${signed(value)} [${signed(lower)}, ${signed(upper)}]`,
        one.standing.verdict,
        ...(isConverged ? [one.toConverged?.standing.verdict ?? ""] : []),
      ];
    }),
    { stream },
  );
}

/** What each rival was tuned to. */
function settingsOf(comparisons: readonly Comparison[]): string[] {
  return comparisons.map(
    ({ budget, rival, setting }) => `  ${rival} at ${budget}: ${setting}`,
  );
}

/** To three places: what is nearer than 0.005 is a tie. */
function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}
