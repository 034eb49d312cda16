// The parts of a Unet that a sweep acts on, and what can be done to each.

import type { StudyUnit } from "@phaseskip/runtime/internals";
import type { ActionFamily, Cell, CellAction, CellRefresh } from "./cells.js";
import type { MeasuredUnit, UnitKind } from "./manifest.js";

/** A part of a Unet that a sweep acts on. */
export interface Target extends MeasuredUnit {
  /** Patterns of the part itself. */
  readonly units: readonly string[];
  /** Patterns of the branches that removal takes away: those inside a block; else the part itself. */
  readonly branches: readonly string[];
}

/** What can be asked of `--action`: a family, or one action. */
export const actionNames: readonly string[] = Object.freeze([
  "removal",
  "lesion",
  "reuse",
  "zero-residual",
  "zero",
  "bypass",
  "mean",
  "reuse-N",
]);

/** What a sweep acts on where nothing is said: blocks, what they are made of, and all skips. */
export const defaultUnits: readonly string[] = Object.freeze([
  "down_blocks.*",
  "down_blocks.*.*.*",
  "mid_block",
  "mid_block.*.*",
  "up_blocks.*",
  "up_blocks.*.*.*",
  "**.skip",
]);

/** The same of a Unet with ADM's names, whose blocks are ResNets with their attention. */
const admUnits: readonly string[] = [
  ...["input_blocks.*", "input_blocks.*.*", "middle_block"],
  ...["middle_block.*", "output_blocks.*", "output_blocks.*.*", "**.skip"],
];

/** What a sweep acts on: what is asked for, where that is the default in the model's own names. */
export function unitsOf(
  asked: readonly string[],
  all: readonly StudyUnit[],
): readonly string[] {
  const isDefault = asked.join() === defaultUnits.join();
  const isAdm = all.some(({ path }) => path === "middle_block");
  return isDefault && isAdm ? admUnits : asked;
}

const isBlock =
  /^(down_blocks\.\d+|mid_block|up_blocks\.\d+|input_blocks\.\d+|middle_block|output_blocks\.\d+)$/;
const isSampler = /\.(up|down)samplers\.\d+$/;
const isBranch =
  /(\.(resnets|attentions)|^(in|out)put_blocks\.\d+|^middle_block)\.\d+$/;

/**
 * The parts to act on: each unit that is asked for, a down block once more with its skips, and, where all skips of a
 * level (of the model) are asked for, these together.
 *
 * @param all every unit of the model
 * @param chosen paths of those that are asked for
 */
export function findTargets(
  all: readonly StudyUnit[],
  chosen: readonly string[],
): Target[] {
  const wanted = new Set(chosen);
  const targets: Target[] = [];
  const add = (
    kind: UnitKind,
    unit: string,
    units: readonly string[],
    more: Partial<Target> = {},
  ) => targets.push({ unit, kind, units, branches: units, ...more });
  const skips = all.filter(({ path }) => path.endsWith(".skip"));
  for (const { path, source } of all) {
    if (!wanted.has(path)) continue;
    if (path.endsWith(".skip")) {
      add("skip", path, [path], source === undefined ? {} : { source });
    } else if (isBlock.test(path)) {
      const inside = all
        .map((unit) => unit.path)
        .filter((unit) => unit.startsWith(`${path}.`) && isBranch.test(unit));
      const branches = inside.length > 0 ? inside : [path];
      add("block", path, [path], { branches });
      const fed = skips
        .filter((skip) => skip.source?.startsWith(`${path}.`))
        .map((skip) => skip.path);
      if (fed.length > 0 && /^(down|input)_blocks\./.test(path)) {
        const units = [...branches, ...fed];
        add("blockWithSkips", `${path} with skips`, units);
      }
    } else {
      add(isSampler.test(path) ? "sampler" : "unit", path, [path]);
    }
  }
  const groups = [...new Set(skips.map(({ path }) => levelOf(path))), "**"];
  for (const level of groups) {
    const members = skips.filter(
      ({ path }) => level === "**" || levelOf(path) === level,
    );
    const isWhole = members.every(({ path }) => wanted.has(path));
    const isOther = level !== "**" || groups.length > 2;
    const pattern = level === "**" ? "**.skip" : `${level}.**.skip`;
    if (members.length > 1 && isWhole && isOther)
      add("skips", pattern, [pattern]);
  }
  return targets;
}

/** The block that a skip enters. */
function levelOf(path: string): string {
  return path.split(".").slice(0, 2).join(".");
}

/** A cell without its window. */
export type CellKind = Pick<
  Cell,
  "unit" | "units" | "family" | "action" | "refresh"
>;

/**
 * What the names of actions mean for a part. Removal is zeroing what a part adds to its shortcut, and for skips
 * zeroing them and putting their mean in their place; samplers have no shortcut. A skip's main input is the skip
 * itself, so it has no bypass.
 *
 * @param target the part
 * @param names as the command takes them
 * @throws {RangeError} If a name is none
 */
export function actionsOf(
  target: Target,
  names: readonly string[],
): CellKind[] {
  const { unit, kind } = target;
  const isSkip = kind === "skip" || kind === "skips";
  const kinds = new Map<string, CellKind>();
  const add = (action: CellAction, refresh: CellRefresh | null = null) => {
    const isRemoved = action === "zeroResidual";
    if (isRemoved && (isSkip || kind === "sampler")) return;
    if (kind === "blockWithSkips" && !isRemoved) return;
    if (action === "bypass" && isSkip) return;
    const key = `${action} ${refresh?.every}`;
    const units = isRemoved ? target.branches : target.units;
    kinds.set(key, {
      unit,
      units,
      family: familyOf(action, isSkip),
      action,
      refresh,
    });
  };
  const meanings: Record<string, () => void> = {
    removal: () => {
      if (!isSkip) return add("zeroResidual");
      add("zero");
      add("mean");
    },
    lesion: () => {
      if (isSkip) return;
      add("zero");
      add("bypass");
    },
    reuse: () => {
      add("reuse", { every: 2 });
      add("reuse", { every: 5 });
    },
    "zero-residual": () => add("zeroResidual"),
    zero: () => add("zero"),
    bypass: () => add("bypass"),
    mean: () => add("mean"),
  };
  for (const name of names) {
    const every = /^reuse-([1-9]\d*)$/.exec(name)?.[1];
    const meaning = meanings[name];
    if (every !== undefined && every !== "1")
      add("reuse", { every: Number(every) });
    else if (meaning) meaning();
    else {
      throw new RangeError(
        `Cannot lay out the sweep as an action must be one of ${actionNames.join(", ")} (N from 2): current value is ${name}`,
      );
    }
  }
  return [...kinds.values()];
}

function familyOf(action: CellAction, isSkip: boolean): ActionFamily {
  if (action === "reuse") return "reuse";
  return action === "zeroResidual" || isSkip ? "removal" : "lesion";
}
