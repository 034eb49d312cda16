// From a sweep to plans: predict from its cells, search by running, choose on pictures that the search has not seen.

import { seededRandom } from "@phaseskip/metrics";
import type { CellRow } from "../cells.js";
import type { Budget } from "./budget.js";
import { formatBudget } from "./budget.js";
import type { Change, Draft, Grid } from "./draft.js";
import { describeChange, draftPlan } from "./draft.js";
import type { Goal } from "./greedy.js";
import { isBetter, meets, searchGreedily } from "./greedy.js";
import { searchNearby } from "./local-moves.js";
import type { PlanRunner, Quality, VerifiedPlan } from "./plan-runner.js";
import { Predictor } from "./predictor.js";
import { lowerBound } from "./standing.js";
import type { Point } from "./verifier.js";
import { Verifier } from "./verifier.js";

/** What a planner works on. */
export interface PlannerRequest {
  /** Of the sweep. */
  readonly cells: readonly CellRow[];
  /** Of the sweep. */
  readonly grid: Grid;
  /** Runs plans. */
  readonly runner: PlanRunner;
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
  /** Told of every plan that was run on the search split. */
  readonly onVerified?: (verified: VerifiedPlan) => Promise<void>;
  /** Told what is being done. */
  readonly onStage?: (stage: string, evaluations: number) => void;
  /** Whether the time is over: then the best so far is chosen. @default never */
  readonly isOver?: () => boolean;
}

/** A plan that was found. */
export interface FoundPlan {
  /** What it was to reach. */
  readonly goal: Goal;
  /** Whether the validation split agrees: its lower 95 % bound for SSIM, the cost for MACs. */
  readonly isReached: boolean;
  /** Its changes. */
  readonly draft: Draft;
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  /** On the search split. */
  readonly search: Quality;
  /** On the validation split. */
  readonly validation: Quality;
}

/** What a search gave. */
export interface PlannerResult {
  /** One for each goal, in the budget's order. */
  readonly found: readonly FoundPlan[];
  /** Pictures drawn on the search and validation splits. */
  readonly evaluations: number;
  /** Predicts losses as the search did. */
  readonly predictor: Predictor;
}

/** Of a budget of evaluations, what the choice on the validation split may take at most. */
const validationShare = 0.4;
/** Plans that are looked at on the validation split, for each goal. */
const finalists = 6;

/**
 * Searches plans.
 *
 * @throws {RangeError} If the evaluations do not suffice for a search, or the sweep has no cell that a plan can use
 * @throws {Error} If a cost cannot be reached
 */
export async function searchPlans(
  request: PlannerRequest,
): Promise<PlannerResult> {
  const { cells, grid, runner, budget, evaluations, onStage } = request;
  const goals = goalsOf(budget);
  const perSearch = runner.count("search");
  const perChoice = runner.count("validation");
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
  const predictor = new Predictor(cells);
  if (predictor.changes().length === 0) {
    throw new RangeError(
      "Cannot plan as the sweep must have at least one cell that a plan can use: it has none (mean needs data beside the plan)",
    );
  }
  const verifier = new Verifier({
    ...request,
    predictor,
    evaluations: evaluations - reserve,
  });
  const random = seededRandom(request.seed);
  const say = (stage: string) => onStage?.(stage, verifier.evaluations);
  say("probing");
  await probe(request, verifier);
  const changes = predictor.changes();
  const stepsChanges = request.areStepsFree ? stepCounts(grid) : [];
  const all = [...changes, ...stepsChanges];
  let from = verifier.full;
  for (const [i, goal] of goals.entries()) {
    const spent = verifier.evaluations;
    const share = (evaluations - reserve - spent) / (goals.length - i);
    verifier.allow(spent + 0.5 * share);
    say(`searching ${nameOf(goal)}`);
    from = await searchGreedily(verifier, all, from, goal);
    const aims = aimsOf(goal);
    for (const [level, aim] of aims.entries()) {
      const part = 0.5 + (0.5 * (level + 1)) / aims.length;
      verifier.allow(spent + part * share);
      const start = bestOf(verifier.points, aim) ?? from;
      say(`improving ${nameOf(goal)}`);
      await searchNearby(verifier, all, start, aim, random);
    }
  }
  let drawn = verifier.evaluations;
  const found: FoundPlan[] = [];
  for (const goal of goals) {
    say(`choosing ${nameOf(goal)}`);
    const limit = reserve / goals.length;
    const chosen = await choose(request, verifier.points, goal, limit);
    drawn += chosen.evaluations;
    found.push(chosen.found);
  }
  return { found, evaluations: drawn, predictor };
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

/** A goal as it is written. */
export function nameOf(goal: Goal): string {
  return formatBudget(goal);
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

/** A point, and what pictures that the search has not seen say of it. */
interface Judged {
  readonly point: Point;
  readonly validation: Quality;
  readonly bound: number;
}

/** Of points in the order of their cost: those that lose less than every cheaper one. */
function frontOf(points: readonly Point[]): Point[] {
  let highest = -Infinity;
  return points.filter(({ ssim }) => {
    const isBest = ssim > highest;
    highest = Math.max(highest, ssim);
    return isBest;
  });
}

/**
 * Whom to look at next. For a cost, one after the other. For an SSIM, the cheapest that should hold it: losses on
 * unseen pictures are taken to be as many times those of the search as they were the last time, and what has failed
 * and what has held close in on the answer.
 */
function nextFinalist(
  candidates: readonly Point[],
  judged: readonly Judged[],
  goal: Goal,
): Point | undefined {
  const last = judged.at(-1);
  const hasChange = ({ draft }: Point) => draft.length > 0;
  if (goal.kind === "macs" || !last)
    return candidates.filter(hasChange)[judged.length];
  const holds = ({ bound }: Judged) => bound >= goal.least;
  const place = ({ point }: Judged) => candidates.indexOf(point);
  const failed = judged.filter((one) => !holds(one)).map(place);
  const held = judged.filter(holds).map(place);
  const open = candidates
    .slice(Math.max(-1, ...failed) + 1, Math.min(Infinity, ...held))
    .filter(hasChange);
  const worse = (1 - last.bound) / Math.max(1 - last.point.ssim, 1e-4);
  return (
    open.find(({ ssim }) => (1 - ssim) * worse <= 1 - goal.least) ??
    // the dearest one, where nothing has held yet
    (held.length === 0 ? open.at(-1) : undefined)
  );
}

/** Chooses among what the search found by pictures that it has not seen. */
async function choose(
  { runner, grid, isOver }: PlannerRequest,
  points: readonly Point[],
  goal: Goal,
  limit: number,
): Promise<{ found: FoundPlan; evaluations: number }> {
  const good = points
    .filter((point) => meets(point, goal))
    .sort((a, b) => (isBetter(a, b, goal) ? -1 : isBetter(b, a, goal) ? 1 : 0));
  if (good.length === 0) {
    const cheapest = points.reduce((a, b) => (b.cost < a.cost ? b : a));
    throw new Error(
      `Cannot reach ${nameOf(goal)}: the cheapest plan that was run costs ${cheapest.cost.toFixed(3)} of the full model; allow more evaluations, free guidance or steps, or sweep more actions`,
    );
  }
  const planOf = ({ draft }: Point) => draftPlan(draft, grid, "candidate");
  const perChoice = runner.count("validation");
  const judged: Judged[] = [];
  let evaluations = 0;
  const candidates = goal.kind === "ssim" ? frontOf(good) : good;
  const most = Math.min(finalists, Math.max(1, Math.floor(limit / perChoice)));
  while (judged.length < most) {
    if (judged.length > 0 && isOver?.()) break;
    const point = nextFinalist(candidates, judged, goal);
    if (!point) break;
    const plan = { name: "finalist", plan: planOf(point) };
    const validation = await runner.measure(plan, "validation");
    evaluations += perChoice;
    judged.push({ point, validation, bound: lowerBound(validation.ssim) });
  }
  const best = judged
    .filter(({ bound }) => goal.kind === "macs" || bound >= goal.least)
    .sort((a, b) =>
      goal.kind === "macs" ? b.bound - a.bound : a.point.cost - b.point.cost,
    )[0];
  const point = best?.point ?? points.find(({ draft }) => draft.length === 0)!;
  const chosen = { name: "chosen", plan: planOf(point) };
  const search = await runner.measure(chosen, "search");
  const validation =
    best?.validation ?? (await runner.measure(chosen, "validation"));
  const found: FoundPlan = {
    goal,
    isReached: best !== undefined,
    draft: point.draft,
    cost: point.cost,
    search,
    validation,
  };
  return { found, evaluations };
}
