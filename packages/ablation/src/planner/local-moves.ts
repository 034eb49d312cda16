// From a good draft to a better one nearby: phase bounds wider or narrower, values refreshed sooner or later, another
// action for the same part, a rule out, a rule in.

import type { Change, Draft, UnitChange } from "./draft.js";
import {
  changeKey,
  describeChange,
  draftKey,
  withChange,
  without,
} from "./draft.js";
import type { Goal } from "./greedy.js";
import { isBetter, meets } from "./greedy.js";
import { computedSteps, wholeSteps, wholeStepsNearby } from "./whole-steps.js";
import type { Point, Verifier } from "./verifier.js";

/** Tried in a row without a better one, after which a place is a summit. */
const patience = 12;

/** Of changes that may be put in, as many parts' best ones are looked at each time, beside some at random. */
const bestParts = 12;

/** Moves that were not run yet, of which the cost is looked at each time. */
const mostLooked = 48;

interface Move {
  readonly draft: Draft;
  readonly what: string;
}

/**
 * Climbs from a point.
 *
 * @param changes what may be put in
 * @param random uniform in [0, 1): which pairs of moves are looked at
 * @returns the best point found, `start` at worst
 */
export async function searchNearby(
  verifier: Verifier,
  changes: readonly Change[],
  start: Point,
  goal: Goal,
  random: () => number,
): Promise<Point> {
  let at = start;
  let misses = 0;
  const best = bestOfParts(verifier, changes);
  while (verifier.hasLeft && misses < patience) {
    const move = await bestMove(verifier, { changes, best }, at, goal, random);
    if (!move) return at;
    const point = await verifier.verify(move.draft, move.what);
    if (meets(point, goal) && isBetter(point, at, goal)) {
      at = point;
      misses = 0;
    } else misses++;
  }
  return at;
}

/** What may be put in. */
interface Additions {
  readonly changes: readonly Change[];
  /** Those that lose least for what they save, one for each of some parts. */
  readonly best: readonly Change[];
}

function bestOfParts(
  { predictor }: Verifier,
  changes: readonly Change[],
): Change[] {
  const ratio = (change: Change) =>
    (predictor.loss(change) + 1e-4) / Math.max(predictor.saved(change), 1e-6);
  const parts = new Map<string, Change>();
  for (const change of changes) {
    if (change.kind !== "unit" || Number.isNaN(predictor.loss(change)))
      continue;
    const known = parts.get(change.unit);
    if (!known || ratio(change) < ratio(known)) parts.set(change.unit, change);
  }
  return [...parts.values()]
    .sort((a, b) => ratio(a) - ratio(b))
    .slice(0, bestParts);
}

/** The move that is predicted to help most, among those whose cost allows it and that were not run yet. */
async function bestMove(
  verifier: Verifier,
  additions: Additions,
  at: Point,
  goal: Goal,
  random: () => number,
): Promise<Move | undefined> {
  const { predictor } = verifier;
  const single = movesFrom(at.draft, additions, verifier, random);
  const pairs = Array.from({ length: 2 * single.length }, () => {
    const first = single[Math.floor(random() * single.length)];
    if (!first) return undefined;
    const more = movesFrom(first.draft, additions, verifier, random, 6);
    const second = more[Math.floor(random() * more.length)];
    return (
      second && { draft: second.draft, what: `${first.what}; ${second.what}` }
    );
  });
  const moves = [...single, ...pairs.filter((pair) => pair !== undefined)];
  const known = predictor.jointLoss(at.draft);
  // what all are taken to lose: the nearer the aim, the more it counts that a change loses nothing
  const floor = goal.kind === "ssim" ? 0.04 * (1 - goal.least) : 0;
  const savedBy = (draft: Draft) =>
    draft.reduce((sum, change) => sum + predictor.saved(change), 0);
  const saved = savedBy(at.draft);
  const distinct = new Map(moves.map((move) => [draftKey(move.draft), move]));
  // roughly first: what only takes changes back loses nothing, and would fill the list
  const scored = [...distinct.values()]
    .map((move) => {
      const loss = predictor.jointLoss(move.draft) - known;
      const saving = savedBy(move.draft) - saved;
      const rough =
        goal.kind === "macs"
          ? loss + 10 * Math.max(0, at.cost - saving - goal.most - 0.05)
          : saving > 0
            ? (Math.max(0, loss) + floor) / saving
            : Infinity;
      return { move, loss, rough };
    })
    .sort((a, b) => a.rough - b.rough);
  let best: { move: Move; score: number } | undefined;
  let looked = 0;
  for (const { move, loss } of scored) {
    if (looked >= mostLooked) break;
    const cost = await verifier.cost(move.draft);
    if (cost === undefined || (await verifier.isKnown(move.draft))) continue;
    looked++;
    const saving = at.cost - cost;
    const isOpen = goal.kind === "macs" ? cost <= goal.most : saving > 1e-4;
    if (!isOpen) continue;
    const score =
      goal.kind === "macs" ? loss : (Math.max(0, loss) + floor) / saving;
    if (!best || score < best.score) best = { move, score };
  }
  return best?.move;
}

/** All single moves; of the changes that may be put in, the best of some parts, and a few at random. */
function movesFrom(
  draft: Draft,
  { changes, best }: Additions,
  { grid }: Verifier,
  random: () => number,
  added = 16,
): Move[] {
  const steps = grid.timesteps.length;
  const stride = Math.max(1, Math.round(steps / 20));
  const moves: Move[] = [];
  const add = (next: Draft, what: string) => moves.push({ draft: next, what });
  for (const change of draft) {
    const name = describeChange(change);
    const rest = without(draft, change);
    add(rest, `drop ${name}`);
    if (change.kind === "steps") continue;
    const computed = computedSteps(change);
    if (computed) {
      for (const other of wholeStepsNearby(computed, steps)) {
        const moved = wholeSteps(other, steps);
        add(withChange(rest, moved), describeChange(moved));
      }
      continue;
    }
    const { firstStep, endStep } = change;
    const bounds = [
      [firstStep - stride, endStep],
      [firstStep + stride, endStep],
      [firstStep, endStep - stride],
      [firstStep, endStep + stride],
    ] as const;
    for (const [first, end] of bounds) {
      const [from, to] = [Math.max(0, first), Math.min(steps, end)];
      if (from >= to || (from === firstStep && to === endStep)) continue;
      const moved = { ...change, firstStep: from, endStep: to };
      add(withChange(rest, moved), `${name} to steps ${from} to ${to - 1}`);
    }
    if (change.kind !== "unit") continue;
    for (const other of otherActions(change, changes))
      add(withChange(rest, other), `${name} to ${describeChange(other)}`);
  }
  for (const change of best)
    add(withChange(draft, change), `add ${describeChange(change)}`);
  for (let i = 0; i < added && changes.length > 0; i++) {
    const change = changes[Math.floor(random() * changes.length)]!;
    add(withChange(draft, change), `add ${describeChange(change)}`);
  }
  return moves;
}

/** The same part and steps with another action, refresh or kept value. */
function otherActions(
  change: UnitChange,
  changes: readonly Change[],
): UnitChange[] {
  const { unit, firstStep, endStep } = change;
  const others = new Map<string, UnitChange>();
  for (const other of changes) {
    if (other.kind !== "unit" || other.unit !== unit) continue;
    const moved = { ...other, firstStep, endStep };
    if (changeKey(moved) !== changeKey(change))
      others.set(changeKey(moved), moved);
  }
  if (change.every !== undefined) {
    for (const every of [
      change.every - 1,
      change.every + 1,
      2 * change.every,
    ]) {
      if (every < 2) continue;
      const moved = refreshed(change, every);
      others.set(changeKey(moved), moved);
    }
  }
  if (change.action === "reuse") {
    const kept = withOtherValue(change);
    others.set(changeKey(kept), kept);
  }
  return [...others.values()];
}

/** A reuse or an extrapolation with another refresh. */
function refreshed(change: UnitChange, every: number): UnitChange {
  const rules = change.rules.map((rule) =>
    "refresh" in rule ? { ...rule, refresh: { every } } : rule,
  );
  return { ...change, every, rules };
}

/** A reuse of the residual where the output is reused, and the other way round. */
function withOtherValue(change: UnitChange): UnitChange {
  const rules = change.rules.map((rule) => {
    if (rule.action !== "reuse") return rule;
    const { value, ...rest } = rule;
    return value === "residual"
      ? rest
      : { ...rest, value: "residual" as const };
  });
  return { ...change, rules };
}
