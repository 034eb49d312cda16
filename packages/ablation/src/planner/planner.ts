// From a sweep to plans: predict from its cells, search by running, choose on pictures that the search has not seen.

import { seededRandom } from "@phaseskip/metrics";
import type { CellRow } from "../cells/cells.js";
import type { Budget } from "./budget.js";
import type { Chooser, FoundPlan } from "./choice.js";
import { choosePlan, finalists } from "./choice.js";
import type { Change, Draft, Grid } from "./draft.js";
import { describeChange, isShortened } from "./draft.js";
import type { FragilePair } from "./fragile-pairs.js";
import { leastChange, SteadyRunner } from "./fragile-pairs.js";
import type { Goal } from "./greedy.js";
import { isBetter, meets, nameOf, searchGreedily } from "./greedy.js";
import { searchNearby } from "./local-moves.js";
import type { VerifiedPlan } from "./plan-runner.js";
import { Predictor } from "./predictor.js";
import type { StepsLayout, StretchLoss } from "../forecast/computed-steps.js";
import { wholeSteps, wholeStepsLayouts } from "./whole-steps.js";
import type { Point } from "./verifier.js";
import { Verifier } from "./verifier.js";

/** What a planner works on. */
export interface PlannerRequest extends Chooser {
  /** Of the sweep. */
  readonly cells: readonly CellRow[];
  /** What to reach. */
  readonly budget: Budget;
  /** Pictures that may be drawn on the search and validation splits, those of the full model not counted. */
  readonly evaluations: number;
  /** Whether guidance may be changed. */
  readonly isGuidanceFree: boolean;
  /** Whether there may be fewer steps. */
  readonly areStepsFree: boolean;
  /** Of everything that is drawn by chance. */
  readonly seed: number;
  /** What leaving out whole calls of the Unet loses; the runner fits forecasts then. @default none are left out */
  readonly stretch?: StretchLoss;
  /** Told of every plan that was run on the search split. */
  readonly onVerified?: (verified: VerifiedPlan) => Promise<void>;
  /** Told what is being done. */
  readonly onStage?: (stage: string, evaluations: number) => void;
}

/** What a search gave. */
export interface PlannerResult {
  /** One for each goal, in the budget's order. */
  readonly found: readonly FoundPlan[];
  /** Pictures drawn on the search and validation splits. */
  readonly evaluations: number;
  /** All changes that plans could be made of. */
  readonly changes: readonly Change[];
  /** Pairs that become other pictures under the least change there is: where a plan did so, they are left out of its numbers. */
  readonly fragile: Readonly<
    Record<"search" | "validation", readonly FragilePair[]>
  >;
}

/** Of a budget of evaluations, what the choice on the validation split may take at most. */
const validationShare = 0.4;

/**
 * Searches plans.
 *
 * @throws {RangeError} If the evaluations do not suffice for a search, or the sweep has no cell that a plan can use
 * @throws {Error} If a cost cannot be reached
 */
export async function searchPlans(
  request: PlannerRequest,
): Promise<PlannerResult> {
  const { cells, grid, budget, evaluations, onStage } = request;
  const goals = goalsOf(budget);
  const perSearch = request.runner.count("search");
  const perChoice = request.runner.count("validation");
  const least = goals.length * (4 * perSearch + perChoice);
  if (evaluations < least) {
    throw new RangeError(
      `Cannot plan as evaluations must be at least ${least}, 4 plans on ${perSearch} search pairs and one on ${perChoice} validation pairs for each of ${goals.length} goals: current value is ${evaluations}`,
    );
  }
  const reserve = Math.min(
    Math.max(goals.length * perChoice, validationShare * evaluations),
    goals.length * finalists * perChoice,
  );
  const { stretch } = request;
  const steps = grid.timesteps.length;
  const predictor = new Predictor(cells, stretch && { steps, loss: stretch });
  if (predictor.changes().length === 0) {
    throw new RangeError(
      "Cannot plan as the sweep must have at least one cell that a plan can use: it has none (mean needs data beside the plan)",
    );
  }
  const runner = new SteadyRunner(request.runner, grid, leastChange(predictor));
  const verifier = new Verifier({
    ...request,
    ...{ runner, predictor },
    evaluations: evaluations - reserve,
  });
  const random = seededRandom(request.seed);
  const say = (stage: string) => onStage?.(stage, verifier.evaluations);
  say("probing");
  await probe(request, verifier);
  const changes = predictor.changes();
  const stepsChanges = request.areStepsFree ? stepCounts(grid) : [];
  // Fewer steps change every picture, and now and then one beyond recognition, which the few pairs of a search may not
  // show: so plans on the whole grid are searched apart, and the choice has both.
  const whole = { all: changes, isShort: false };
  const short = { all: [...changes, ...stepsChanges], isShort: true };
  const branches = [whole, ...(stepsChanges.length > 0 ? [short] : [])].map(
    (branch) => ({ ...branch, from: verifier.full }),
  );
  const searches = goals.flatMap((goal) =>
    branches.map((branch) => ({ goal, branch })),
  );
  for (const [i, { goal, branch }] of searches.entries()) {
    const { all, isShort } = branch;
    const spent = verifier.evaluations;
    const share = (evaluations - reserve - spent) / (searches.length - i);
    verifier.allow(spent + 0.5 * share);
    say(`searching ${nameOf(goal)}`);
    const starts =
      stretch && !isShort
        ? await startsFrom(verifier, wholeStepsLayouts(stretch, steps), goal)
        : [branch.from];
    for (const [j, start] of starts.entries()) {
      verifier.allow(spent + (0.5 * share * (j + 1)) / starts.length);
      branch.from = await searchGreedily(verifier, all, start, goal);
    }
    const aims = aimsOf(goal);
    for (const [level, aim] of aims.entries()) {
      const part = 0.5 + (0.5 * (level + 1)) / aims.length;
      verifier.allow(spent + part * share);
      const own = verifier.points.filter(
        ({ draft }) => isShortened(draft) === isShort,
      );
      const start = bestOf(own, aim) ?? branch.from;
      say(`improving ${nameOf(goal)}`);
      await searchNearby(verifier, all, start, aim, random);
    }
  }
  let drawn = verifier.evaluations;
  const found: FoundPlan[] = [];
  for (const goal of goals) {
    say(`choosing ${nameOf(goal)}`);
    const limit = reserve / goals.length;
    const chooser = { ...request, runner };
    const chosen = await choosePlan(chooser, verifier.points, goal, limit);
    drawn += chosen.evaluations;
    found.push(chosen.found);
  }
  return {
    found,
    evaluations: drawn + runner.evaluations,
    changes: [...changes, ...stepsChanges],
    fragile: {
      search: await runner.fragile("search"),
      validation: await runner.fragile("validation"),
    },
  };
}

/**
 * What is climbed towards. A plan at an SSIM on the few pairs of the search is below it on others, and its lower bound
 * further still: so there must be good plans somewhat above it to choose from.
 */
function aimsOf(goal: Goal): readonly Goal[] {
  if (goal.kind === "macs") return [goal];
  return [1, 1 / 2, 1 / 4].map((share) => ({
    kind: "ssim",
    least: 1 - share * (1 - goal.least),
  }));
}

function goalsOf(budget: Budget): Goal[] {
  if (budget.kind !== "front") return [budget];
  return budget.costs.map((most) => ({ kind: "macs", most }));
}

/** Numbers of steps that are probed, as a planner may take them. */
function stepCounts({ timesteps }: Grid): Change[] {
  const counts = [0.8, 0.66, 0.5, 0.4, 0.3, 0.2].map((share) =>
    Math.max(1, Math.round(share * timesteps.length)),
  );
  return [...new Set(counts)]
    .filter((count) => count < timesteps.length)
    .map((numInferenceSteps) => ({ kind: "steps", numInferenceSteps }));
}

/** At a cost, drafts that only leave out whole calls begin at it, and at these shares of the way back to the full model. */
const startShares = [0, 0.15, 0.35];

/** Where a search with forecasts of the whole output begins. */
async function startsFrom(
  verifier: Verifier,
  layouts: readonly StepsLayout[],
  goal: Goal,
): Promise<Point[]> {
  const steps = verifier.grid.timesteps.length;
  const drafts = layouts.map(({ computed }) => [wholeSteps(computed, steps)]);
  if (goal.kind === "ssim")
    return [await cheapestStart(verifier, drafts, goal)];
  const starts: Point[] = [];
  for (const share of startShares) {
    const most = goal.most + share * (1 - goal.most);
    let best: Draft | undefined;
    for (const draft of drafts) {
      const cost = await verifier.cost(draft);
      if (cost !== undefined && cost <= most) best = draft;
    }
    if (best && verifier.hasLeft)
      starts.push(await verifier.verify(best, `start at ${most.toFixed(2)}`));
  }
  return starts.length > 0 ? starts : [verifier.full];
}

/** The layout of fewest calls that keeps an SSIM, by bisection. */
async function cheapestStart(
  verifier: Verifier,
  drafts: readonly Draft[],
  goal: Goal,
): Promise<Point> {
  let found = verifier.full;
  let [low, high] = [0, drafts.length];
  while (low < high && verifier.hasLeft) {
    const middle = Math.floor((low + high) / 2);
    const draft = drafts[middle]!;
    const point = await verifier.verify(draft, describeChange(draft[0]!));
    if (meets(point, goal)) {
      found = point;
      high = middle;
    } else low = middle + 1;
  }
  return found;
}

/** Runs alone what is in no cell: guidance off in each fifth of the run, its difference kept, fewer steps. */
async function probe(
  { grid, isGuidanceFree, areStepsFree }: PlannerRequest,
  verifier: Verifier,
): Promise<void> {
  const steps = grid.timesteps.length;
  const parts = Math.min(5, steps);
  const guidance = Array.from({ length: parts }, (_, i): Change => ({
    kind: "guidance",
    policy: "off",
    firstStep: Math.floor((steps * i) / parts),
    endStep: Math.floor((steps * (i + 1)) / parts),
  }));
  const half = Math.floor(steps / 2);
  const deltas = [2, 4].flatMap((every): Change[] =>
    half < 1
      ? []
      : [
          [0, half],
          [half, steps],
        ].map(([firstStep, endStep]) => ({
          kind: "guidance",
          policy: { delta: { every } },
          firstStep: firstStep!,
          endStep: endStep!,
        })),
  );
  const probes = [
    ...(isGuidanceFree ? [...guidance, ...deltas] : []),
    ...(areStepsFree ? stepCounts(grid) : []),
  ];
  for (const change of probes) {
    if (!verifier.hasLeft) return;
    const cost = await verifier.cost([change]);
    if (cost === undefined) continue;
    const point = await verifier.verify(
      [change],
      `probe ${describeChange(change)}`,
    );
    const loss = Math.max(0, 1 - point.ssim);
    verifier.predictor.addProbe(change, loss, 1 - point.cost);
  }
}

function bestOf(points: readonly Point[], goal: Goal): Point | undefined {
  const good = points.filter((point) => meets(point, goal));
  return good.reduce<Point | undefined>(
    (best, one) => (!best || isBetter(one, best, goal) ? one : best),
    undefined,
  );
}
