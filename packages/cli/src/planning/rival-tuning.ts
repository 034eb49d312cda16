// Gives each rival what the found plan had: as many picture evaluations, the same pairs, a choice among as many
// finalists on pictures that the tuning has not seen.

import {
  draftPlan,
  finalists,
  lowerBound,
  summarise,
  withChange,
  type Change,
  type Contestant,
  type Draft,
  type Grid,
  type PlanRunner,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import type { RivalFamily } from "./rival-families.js";

/** How far a rival may go. */
export interface TuningLimits {
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  /** Pictures on the search and validation splits. */
  readonly evaluations: number;
}

/** A rival at its best. */
export interface TunedRival {
  /** The rival. */
  readonly name: string;
  /** Its best setting. */
  readonly contestant: Contestant;
  /** Multiply-accumulates over the full model's. */
  readonly cost: number;
  /** Pictures that its tuning drew. */
  readonly evaluations: number;
  /** Settings that were run. */
  readonly settings: number;
}

/** A setting that was run. */
interface Tried {
  readonly contestant: Contestant;
  readonly cost: number;
  readonly ssim: number;
}

/** Runs settings, and keeps those within the limits. */
class Tuning {
  readonly tried: Tried[] = [];
  readonly #seen = new Set<string>();
  readonly #runner: PlanRunner;
  readonly #limits: TuningLimits;
  #evaluations = 0;

  constructor(runner: PlanRunner, limits: TuningLimits) {
    this.#runner = runner;
    this.#limits = limits;
  }

  get hasLeft(): boolean {
    const { evaluations } = this.#limits;
    const choice = finalists * this.#runner.count("validation");
    const least = this.tried.length === 0;
    const next = this.#evaluations + this.#runner.count("search");
    return least || next + choice <= evaluations;
  }

  /** Runs a setting; undefined where what it computes was computed before, under whatever plan, or where it costs too much. */
  async try(contestant: Contestant): Promise<Tried | undefined> {
    const identity = await this.#runner.identity(contestant);
    if (this.#seen.has(identity)) return undefined;
    this.#seen.add(identity);
    const { ssim, cost } = await this.#runner.measure(contestant, "search");
    this.#evaluations += this.#runner.count("search");
    if (cost > this.#limits.cost) return undefined;
    const tried = { contestant, cost, ssim: summarise(ssim).mean };
    this.tried.push(tried);
    return tried;
  }

  /** The best on the validation split of those that are best on the search split. */
  async choose(name: string): Promise<TunedRival | undefined> {
    const good = [...this.tried].sort((a, b) => b.ssim - a.ssim);
    let best: { tried: Tried; bound: number } | undefined;
    for (const tried of good.slice(0, finalists)) {
      const { contestant } = tried;
      const { ssim } = await this.#runner.measure(contestant, "validation");
      this.#evaluations += this.#runner.count("validation");
      const bound = lowerBound(ssim);
      if (!best || bound > best.bound) best = { tried, bound };
    }
    return (
      best && {
        name,
        contestant: best.tried.contestant,
        cost: best.tried.cost,
        evaluations: this.#evaluations,
        settings: this.tried.length,
      }
    );
  }
}

/**
 * Tunes a family: settings at or under the cost, the dearest first, as they leave most of the model in place; where
 * guidance may be cut, in turns with and without, as else what guidance costs would decide who is tried at all.
 * @returns undefined where no setting is cheap enough
 */
export async function tuneFamily(
  { name, contestants }: RivalFamily,
  runner: PlanRunner,
  limits: TuningLimits,
): Promise<TunedRival | undefined> {
  const isAdaptive = (plan: Plan) =>
    plan.rules.some(({ action }) => action === "adaptive");
  const open: { contestant: Contestant; cost: number }[] = [];
  for (const line of linesOf(contestants)) {
    if (line.length > 1) {
      const dearest = await dearestWithin(line, runner, limits.cost);
      if (dearest) open.push(dearest);
      continue;
    }
    const contestant = line[0]!;
    const cost = await runner.cost(contestant);
    if (cost === undefined) continue;
    // what an adaptive plan costs is known once it has run
    if (cost <= limits.cost || isAdaptive(contestant.plan))
      open.push({ contestant, cost });
  }
  open.sort((a, b) => b.cost - a.cost);
  const isCut = ({ plan }: Contestant) => (plan.guidance ?? []).length > 0;
  const whole = open.filter(({ contestant }) => !isCut(contestant));
  const cut = open.filter(({ contestant }) => isCut(contestant));
  const inTurns = open.flatMap((_, i) => [
    ...whole.slice(i, i + 1),
    ...cut.slice(i, i + 1),
  ]);
  const tuning = new Tuning(runner, limits);
  for (const { contestant } of inTurns) {
    if (!tuning.hasLeft) break;
    await tuning.try(contestant);
  }
  return tuning.choose(name);
}

/** Settings that differ in the number of steps alone, most steps first, together; all others alone. */
function linesOf(contestants: readonly Contestant[]): Contestant[][] {
  const lines = new Map<string, Contestant[]>();
  contestants.forEach((contestant, i) => {
    const { scheduler, spacing, plan } = contestant;
    const { steps: _steps, ...rest } = plan;
    const key =
      spacing === undefined
        ? String(i)
        : JSON.stringify({ scheduler, spacing, rest });
    lines.set(key, [...(lines.get(key) ?? []), contestant]);
  });
  return [...lines.values()];
}

/** The first of a line, ordered by falling cost, that is cheap enough; halving what is left. */
async function dearestWithin(
  line: readonly Contestant[],
  runner: PlanRunner,
  limit: number,
): Promise<{ contestant: Contestant; cost: number } | undefined> {
  let found: { contestant: Contestant; cost: number } | undefined;
  for (let [low, high] = [0, line.length - 1]; low <= high;) {
    const middle = Math.floor((low + high) / 2);
    const contestant = line[middle]!;
    const cost = await runner.cost(contestant);
    // a sampler that refuses a number of steps may take a lower one
    if (cost === undefined || cost > limit) low = middle + 1;
    else {
      found = { contestant, cost };
      high = middle - 1;
    }
  }
  return found;
}

/** Plans of the planner's own space, drawn by chance until they are cheap enough; no cell is read. */
export async function searchRandomly(
  changes: readonly Change[],
  grid: Grid,
  runner: PlanRunner,
  limits: TuningLimits,
  random: () => number,
): Promise<TunedRival | undefined> {
  const tuning = new Tuning(runner, limits);
  for (let failed = 0; tuning.hasLeft && failed < 50;) {
    const draft = await drawDraft(changes, grid, runner, limits.cost, random);
    const name = `random plan ${tuning.tried.length + 1}`;
    const tried =
      draft &&
      (await tuning.try({ name, plan: draftPlan(draft, grid, "random") }));
    failed = tried ? 0 : failed + 1;
  }
  return tuning.choose("random search");
}

async function drawDraft(
  changes: readonly Change[],
  grid: Grid,
  runner: PlanRunner,
  limit: number,
  random: () => number,
): Promise<Draft | undefined> {
  let draft: Draft = [];
  const units = changes.filter(({ kind }) => kind === "unit");
  // there are so many changes of units that the others would hardly come up
  const others = (["steps", "guidance"] as const)
    .map((kind) => changes.filter((change) => change.kind === kind))
    .filter((some) => some.length > 0 && random() < 0.5);
  for (let i = 0; i < 60; i++) {
    const change = pick(others[i] ?? units, random);
    if (!change) break;
    const next = withChange(draft, change);
    const plan = draftPlan(next, grid, "random");
    const cost = await runner.cost({ name: "random", plan });
    if (cost === undefined) continue;
    draft = next;
    if (cost <= limit) return draft;
  }
  return undefined;
}

/** Climbs from the best published plan by chance alone: rules confined, refreshed otherwise, dropped, added. */
export async function climbFrom(
  start: Contestant,
  changes: readonly Change[],
  grid: Grid,
  runner: PlanRunner,
  limits: TuningLimits,
  random: () => number,
): Promise<TunedRival | undefined> {
  const tuning = new Tuning(runner, limits);
  let at = await tuning.try(start);
  for (let failed = 0; at && tuning.hasLeft && failed < 200;) {
    const plan = mutated(at.contestant.plan, changes, grid, random);
    const contestant = { ...start, name: `${start.name}, changed`, plan };
    const cost = await runner.cost(contestant);
    const isOpen = cost !== undefined && cost <= limits.cost;
    const tried = isOpen ? await tuning.try(contestant) : undefined;
    failed = tried ? 0 : failed + 1;
    if (tried && tried.ssim > at.ssim) at = tried;
  }
  return tuning.choose("local search");
}

/** One of a list, by chance; undefined of an empty one. */
function pick<T>(list: readonly T[], random: () => number): T | undefined {
  return list[Math.floor(random() * list.length)];
}

/** A plan with one thing changed; or with none, where what was drawn does not apply. */
function mutated(
  plan: Plan,
  changes: readonly Change[],
  grid: Grid,
  random: () => number,
): Plan {
  const rules = [...plan.rules];
  const i = Math.floor(random() * rules.length);
  const rule = rules[i];
  const kind = Math.floor(random() * 4);
  if (kind === 0 && rule && "refresh" in rule) {
    const { refresh } = rule;
    if (typeof refresh === "object" && "every" in refresh) {
      const every = Math.max(2, refresh.every + (random() < 0.5 ? -1 : 1));
      rules[i] = { ...rule, refresh: { every } };
    }
  } else if (kind === 1 && rule) {
    const share = Math.floor(random() * 9 + 1) / 10;
    const border = share * grid.numTrainTimesteps;
    const isLate = random() < 0.5;
    const name = `c${isLate ? "l" : "e"}${Math.round(border)}`;
    const phase = isLate
      ? { name, from: border, to: 0 }
      : { name, from: grid.numTrainTimesteps, to: border };
    rules[i] = { ...rule, phases: [name] };
    const phases = plan.phases.filter((one) => one.name !== name);
    return { ...plan, phases: [...phases, phase], rules };
  } else if (kind === 2 && rules.length > 1) rules.splice(i, 1);
  else return withDrawn(plan, changes, grid, random);
  return { ...plan, rules };
}

/** A plan with one change more, drawn by its kind first: there are so many of units. */
function withDrawn(
  plan: Plan,
  changes: readonly Change[],
  grid: Grid,
  random: () => number,
): Plan {
  const kinds = [...new Set(changes.map(({ kind }) => kind))];
  const drawn = pick(kinds, random);
  const change = pick(
    changes.filter(({ kind }) => kind === drawn),
    random,
  );
  if (!change) return plan;
  const added = draftPlan([change], grid, "added");
  if (change.kind === "steps") return { ...plan, steps: added.steps! };
  const known = new Set(plan.phases.map(({ name }) => name));
  return {
    ...plan,
    phases: [
      ...plan.phases,
      ...added.phases.filter(({ name }) => !known.has(name)),
    ],
    rules: [...plan.rules, ...added.rules],
    ...(added.guidance && {
      guidance: [...(plan.guidance ?? []), ...added.guidance],
    }),
  };
}
