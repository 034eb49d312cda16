// Among the plans that a search ran, the one to hand out: chosen on pictures that the search has not seen.

import type { Draft, Grid } from "./draft.js";
import { draftKind, draftPlan, isShortened } from "./draft.js";
import type { Goal } from "./greedy.js";
import { isBetter, meets, nameOf } from "./greedy.js";
import type { PlanRunner, Quality } from "./plan-runner.js";
import { lowerBound } from "./standing.js";
import type { Point } from "./verifier.js";

/** What a choice works with. */
export interface Chooser {
  /** Of the sweep. */
  readonly grid: Grid;
  /** Runs plans. */
  readonly runner: PlanRunner;
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

/** Plans that are looked at on the validation split, for each goal. */
export const finalists = 6;

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
 * Whom to look at next. For a cost, the best that does something else than those before, as plans that differ in a
 * bound here and there fail on the same pictures; with fewer steps and without in turns. For an SSIM, the cheapest that should hold it: losses on
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
  if (goal.kind === "macs" || !last) {
    const open = candidates
      .filter(hasChange)
      .filter((point) => judged.every((one) => one.point !== point));
    const seen = new Set(judged.map(({ point }) => draftKind(point.draft)));
    const isNew = ({ draft }: Point) => !seen.has(draftKind(draft));
    const isOther = ({ draft }: Point) =>
      last !== undefined &&
      isShortened(draft) !== isShortened(last.point.draft);
    const fresh = open.filter(isNew);
    return fresh.find(isOther) ?? fresh[0] ?? open.find(isOther) ?? open.at(0);
  }
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

/**
 * Chooses among what a search found by pictures that it has not seen.
 *
 * @param points what it ran
 * @param limit pictures that may be drawn
 * @throws {Error} If no point meets the goal
 */
export async function choosePlan(
  { runner, grid, isOver }: Chooser,
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
