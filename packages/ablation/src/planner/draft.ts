// A plan in the making: a list of changes to the full model, each of which can be moved, replaced or taken back.

import type {
  GuidanceRule,
  Phase,
  Plan,
  Refresh,
  Rule,
} from "@phaseskip/runtime";

/** Something done to a part of the Unet for some steps. */
export interface UnitChange {
  /** Tells it from other changes. */
  readonly kind: "unit";
  /** The part, as a sweep names it. */
  readonly unit: string;
  /**
   * What is done, as a sweep names it: `reuse`, `zero`, `zeroResidual`, `bypass`; or `extrapolate`, as plans do, and
   * `forecast` of the whole Unet's output, whose unit is `""`.
   */
  readonly action: string;
  /** For `reuse` and `extrapolate`: how often the value is computed anew. */
  readonly every?: number;
  /** As rules of a plan, without phases. */
  readonly rules: readonly Rule[];
  /** The first step index, inclusive. */
  readonly firstStep: number;
  /** The end, exclusive. */
  readonly endStep: number;
}

/** What becomes of guidance for some steps. */
export interface GuidanceChange {
  /** Tells it from other changes. */
  readonly kind: "guidance";
  /** Off, or the difference of the contexts kept for some steps. */
  readonly policy: "off" | { readonly delta: Refresh };
  /** The first step index, inclusive. */
  readonly firstStep: number;
  /** The end, exclusive. */
  readonly endStep: number;
}

/** Another number of steps. */
export interface StepsChange {
  /** Tells it from other changes. */
  readonly kind: "steps";
  /** How many. */
  readonly numInferenceSteps: number;
}

/** One change to the full model. */
export type Change = UnitChange | GuidanceChange | StepsChange;

/** A plan in the making. */
export type Draft = readonly Change[];

/** The sampler's grid on which changes are counted. */
export interface Grid {
  /** Noisiest first. */
  readonly timesteps: readonly number[];
  /** Timesteps of the training. */
  readonly numTrainTimesteps: number;
}

/** A name for a change that no other one has. */
export function changeKey(change: Change): string {
  const what = whatKey(change);
  if (change.kind === "steps") return what;
  return `${what}@${change.firstStep}-${change.endStep}`;
}

/** What a change does, whenever it does it. */
function whatKey(change: Change): string {
  switch (change.kind) {
    case "unit":
      return JSON.stringify(change.rules);
    case "guidance":
      return `guidance ${JSON.stringify(change.policy)}`;
    case "steps":
      return `steps ${change.numInferenceSteps}`;
    default:
      return change satisfies never;
  }
}

/** A name for a draft: the same for the same changes in any order. */
export function draftKey(draft: Draft): string {
  return draft.map(changeKey).sort().join("\n");
}

/** A name for all drafts that do the same, whenever they do it. */
export function draftKind(draft: Draft): string {
  const kinds = draft.map((change) =>
    change.kind === "unit" && change.action === "forecast"
      ? `${change.unit} forecast`
      : whatKey(change),
  );
  return [...new Set(kinds)].sort().join("\n");
}

/** Whether a draft takes fewer steps. */
export function isShortened(draft: Draft): boolean {
  return draft.some(({ kind }) => kind === "steps");
}

/** A change for people, such as `up_blocks.1 reuse every 2, steps 10 to 49`. */
export function describeChange(change: Change): string {
  if (change.kind === "steps") return `${change.numInferenceSteps} steps`;
  const when = `steps ${change.firstStep} to ${change.endStep - 1}`;
  if (change.kind === "guidance") {
    const how =
      change.policy === "off"
        ? "off"
        : `delta ${JSON.stringify(change.policy.delta)}`;
    return `guidance ${how}, ${when}`;
  }
  const [rule] = change.rules;
  if (change.action === "forecast" && rule?.action === "forecast") {
    const { refresh } = rule;
    const at = typeof refresh === "object" && "at" in refresh ? refresh.at : [];
    return `${change.unit || "the Unet's output"} forecast, computed at ${at.join(" ")}`;
  }
  const every = change.every === undefined ? "" : ` every ${change.every}`;
  const isResidual = change.rules.some(
    (rule) => "value" in rule && rule.value === "residual",
  );
  const value =
    change.action === "reuse" && isResidual ? " of the residual" : "";
  return `${change.unit} ${change.action}${every}${value}, ${when}`;
}

/**
 * A draft with one change more. It takes the place of those that say something else of the same part at the same
 * steps.
 */
export function withChange(draft: Draft, change: Change): Draft {
  return [...draft.filter((other) => !isReplaced(other, change)), change];
}

/** A reuse, but the value goes on as its last two did; undefined of what is no reuse of an output. */
export function extrapolated(change: UnitChange): UnitChange | undefined {
  const rules = change.rules.flatMap((rule): Rule[] => {
    if (rule.action !== "reuse" || rule.value === "residual") return [];
    const { units, refresh } = rule;
    return [{ units, action: "extrapolate", order: 1, refresh }];
  });
  if (rules.length < change.rules.length) return undefined;
  return { ...change, action: "extrapolate", rules };
}

/** A draft with one change less. */
export function without(draft: Draft, change: Change): Draft {
  return draft.filter((other) => other !== change);
}

function isReplaced(other: Change, change: Change): boolean {
  if (other.kind === "steps" || change.kind === "steps")
    return other.kind === change.kind;
  const overlaps =
    other.firstStep < change.endStep && change.firstStep < other.endStep;
  if (!overlaps || other.kind !== change.kind) return false;
  return (
    other.kind === "guidance" ||
    (change.kind === "unit" && other.unit === change.unit)
  );
}

/**
 * A draft as a plan: phases in timesteps, so that it holds for other grids, too.
 *
 * @param name what reports call it
 */
export function draftPlan(draft: Draft, grid: Grid, name: string): Plan {
  const phases = new Map<string, Phase>();
  const phase = (firstStep: number, endStep: number): string => {
    const steps = grid.timesteps.length;
    const from =
      firstStep === 0 ? grid.numTrainTimesteps : grid.timesteps[firstStep - 1]!;
    const to =
      endStep >= steps
        ? Math.min(0, grid.timesteps.at(-1)!)
        : grid.timesteps[endStep - 1]!;
    const called = `t${Math.round(from)}-${Math.round(to)}`;
    phases.set(called, { name: called, from, to });
    return called;
  };
  const rules = new Map<string, Rule>();
  const guidance: GuidanceRule[] = [];
  let steps: Plan["steps"] = { numInferenceSteps: grid.timesteps.length };
  for (const change of draft) {
    if (change.kind === "steps") {
      steps = { numInferenceSteps: change.numInferenceSteps };
      continue;
    }
    const when = [phase(change.firstStep, change.endStep)];
    if (change.kind === "guidance") {
      const { policy } = change;
      guidance.push(
        policy === "off"
          ? { phases: when, action: "off" }
          : { phases: when, action: "delta", refresh: policy.delta },
      );
      continue;
    }
    for (const { units, ...what } of change.rules) {
      const rule: Rule = { units, phases: when, ...what };
      const key = JSON.stringify({ ...rule, units: [] });
      const before = rules.get(key);
      const all = [...new Set([...(before?.units ?? []), ...units])];
      rules.set(key, { ...rule, units: all });
    }
  }
  return {
    format: "phaseskip-plan",
    version: 1,
    name,
    phases: [...phases.values()].sort((a, b) => b.from - a.from || b.to - a.to),
    rules: [...rules.values()],
    ...(guidance.length > 0 && { guidance }),
    steps,
  };
}
