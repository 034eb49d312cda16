// From the full model towards a goal, a change at a time: each is the one that loses least for what it saves, as the
// sweep predicts it, and stays only if running everything together says so. Now and then it looks back: a change that
// no longer earns its loss is taken out again.
//
// Predictions that a run has corrected stay corrected, and go back into the queue: two parts that can stand in for
// each other are both cheap to skip alone, and the second one is found dear once the first is gone. What a run has
// shown of one window is held against all other windows of the same part, too, or each of them would be run.

import { formatBudget } from "./budget.js";
import type { Change, Draft } from "./draft.js";
import { changeKey, describeChange, withChange, without } from "./draft.js";
import type { Point, Verifier } from "./verifier.js";

/** What a search is to reach on the search split. */
export type Goal =
  /** As cheap as can be at this mean SSIM or above. */
  | { readonly kind: "ssim"; readonly least: number }
  /** As near to the full model as can be at this share of its cost or below. */
  | { readonly kind: "macs"; readonly most: number };

/** A goal as it is written. */
export function nameOf(goal: Goal): string {
  return formatBudget(goal);
}

/** Less than this share of the full model's cost is no saving: it is lost in the time of a segment more. */
const leastSaving = 0.002;

/** Loss that everything is taken to have: between changes without any measured loss, the one that saves more is first. */
const lossFloor = 0.002;

/** A change is taken though it lost more than predicted, if it lost no more than this, over the next one's ratio. */
const slack = 1.25;

/** Rejected in a row, after which a search by SSIM has come to its end. */
const patience = 8;

/** Whether a point is where a goal wants it. */
export function meets(point: Point, goal: Goal): boolean {
  return goal.kind === "ssim"
    ? point.ssim >= goal.least
    : point.cost <= goal.most;
}

/** Whether the first of two points that meet a goal is the better one. */
export function isBetter(a: Point, b: Point, goal: Goal): boolean {
  return goal.kind === "ssim" ? a.cost < b.cost : a.ssim > b.ssim;
}

interface Option {
  readonly change: Change;
  readonly draft: Draft;
  /** Predicted, or known from a run. */
  readonly loss: number;
  /** Loss over saving. */
  readonly ratio: number;
  readonly saving: number;
}

/** A change that lost more than predicted, and by how much. */
interface Surprise {
  readonly change: Change;
  readonly excess: number;
}

/** What the runs of a search have taught. */
interface Lessons {
  /** Losses, by change. */
  readonly learned: ReadonlyMap<string, number>;
  readonly surprises: readonly Surprise[];
  /** Changes that are out of the question. */
  readonly barred: ReadonlySet<string>;
}

/**
 * Searches from a point on.
 *
 * @param verifier what runs drafts, and keeps all that were run
 * @param changes all that may be done
 * @param start where to begin
 * @returns where it ended: for `macs` at the goal, unless evaluations ran out
 */
export async function searchGreedily(
  verifier: Verifier,
  changes: readonly Change[],
  start: Point,
  goal: Goal,
): Promise<Point> {
  const learned = new Map<string, number>();
  const surprises: Surprise[] = [];
  const barred = new Set<string>();
  let at = start;
  let rejected = 0;
  let taken = 0;
  for (;;) {
    const isDone = goal.kind === "macs" && meets(at, goal);
    if (isDone || rejected >= patience || !verifier.hasLeft) return at;
    const [best, next] = await rank(verifier, changes, at, {
      ...{ learned, surprises, barred },
    });
    if (!best) return at;
    const key = changeKey(best.change);
    const point = await verifier.verify(
      best.draft,
      `add ${describeChange(best.change)}`,
    );
    const extra = at.ssim - point.ssim;
    learned.set(key, Math.max(0, extra));
    const excess = extra - best.loss;
    if (excess > lossFloor) surprises.push({ change: best.change, excess });
    if (goal.kind === "ssim" && !meets(point, goal)) {
      barred.add(key);
      rejected++;
      continue;
    }
    const ratio = ratioOf(extra, at.cost - point.cost);
    if (ratio > slack * (next?.ratio ?? Infinity)) continue;
    at = point;
    rejected = 0;
    taken++;
    if (taken % 3 !== 0) continue;
    const back = await lookBack(verifier, at, ratio);
    if (!back) continue;
    barred.add(changeKey(back.removed));
    at = back.point;
  }
}

/** The changes that lose least for what they save, the first one first; costs are those of the whole plan. */
async function rank(
  verifier: Verifier,
  changes: readonly Change[],
  at: Point,
  { learned, surprises, barred }: Lessons,
): Promise<Option[]> {
  const { predictor } = verifier;
  const known = predictor.jointLoss(at.draft);
  const rough = changes
    .filter((change) => {
      const key = changeKey(change);
      return (
        !barred.has(key) && !at.draft.some((one) => changeKey(one) === key)
      );
    })
    .map((change) => {
      const draft = withChange(at.draft, change);
      const loss =
        learned.get(changeKey(change)) ??
        Math.max(0, predictor.jointLoss(draft) - known) +
          surpriseOf(change, surprises);
      const gone = at.draft.filter((one) => !draft.includes(one));
      const saving = gone.reduce(
        (sum, one) => sum - predictor.saved(one),
        predictor.saved(change),
      );
      return { change, draft, loss, rough: ratioOf(loss, saving) };
    })
    .sort((a, b) => a.rough - b.rough);
  const options: Option[] = [];
  const perPart = new Map<string, number>();
  let looked = 0;
  for (const { change, draft, loss } of rough) {
    const part = change.kind === "unit" ? change.unit : change.kind;
    const seen = perPart.get(part) ?? 0;
    if (seen >= 4) continue;
    if (looked >= 32 && options.length >= 2) break;
    if (looked >= 400) break;
    looked++;
    const cost = await verifier.cost(draft);
    if (cost === undefined || at.cost - cost < leastSaving) continue;
    perPart.set(part, seen + 1);
    const saving = at.cost - cost;
    const ratio = ratioOf(loss, saving);
    options.push({ change, draft, loss, saving, ratio });
  }
  return options.sort((a, b) => a.ratio - b.ratio);
}

/** Takes the change out that costs most for what it still saves, if a run agrees. */
async function lookBack(verifier: Verifier, at: Point, ratio: number) {
  const { predictor } = verifier;
  let worst: { change: Change; saving: number; ratio: number } | undefined;
  for (const change of at.draft) {
    const cost = await verifier.cost(without(at.draft, change));
    if (cost === undefined) continue;
    const saving = cost - at.cost;
    const loses = ratioOf(predictor.loss(change) || 0, saving);
    if (!worst || loses > worst.ratio) worst = { change, saving, ratio: loses };
  }
  if (!worst || worst.ratio <= 1.5 * ratio || !verifier.hasLeft)
    return undefined;
  const { change, saving } = worst;
  const draft = without(at.draft, change);
  const point = await verifier.verify(draft, `drop ${describeChange(change)}`);
  const regained = point.ssim - at.ssim;
  const isIdle = saving < leastSaving && regained >= 0;
  return isIdle || regained / Math.max(saving, 1e-9) > 1.5 * ratio
    ? { point, removed: change }
    : undefined;
}

/** The most that a surprise of the same part says of these steps, as if it were spread evenly over its own. */
function surpriseOf(change: Change, surprises: readonly Surprise[]): number {
  if (change.kind !== "unit") return 0;
  const shares = surprises.map(({ change: other, excess }) => {
    if (other.kind !== "unit" || other.unit !== change.unit) return 0;
    if (other.action !== change.action) return 0;
    const first = Math.max(change.firstStep, other.firstStep);
    const shared = Math.min(change.endStep, other.endStep) - first;
    return (excess * Math.max(0, shared)) / (other.endStep - other.firstStep);
  });
  return Math.max(0, ...shares);
}

function ratioOf(loss: number, saving: number): number {
  return (Math.max(0, loss) + lossFloor) / Math.max(saving, 1e-6);
}
