// What a run has computed and kept so far, as far as the steps to come depend on it.

import type { Context } from "../plan/plan.js";
import type { Computed } from "./refresh.js";

/** One context's part of a run's state. */
export interface ContextState {
  /** By port: the steps at which it was computed, the last first, each of a timestep of its own. */
  readonly computed: Map<string, readonly Computed[]>;
  /** By index of an adaptive rule: how many steps in a row have reused. */
  readonly inRow: Map<number, number>;
  /** By index of an adaptive rule: the last step at which its probe was computed. */
  readonly probed: Map<number, number>;
}

/** A run's state between two steps. */
export interface RunState extends Readonly<Record<Context, ContextState>> {
  /** By port: the name of the mean of both contexts that was made last. */
  readonly means: Map<string, string>;
}

/** The state before the first step. */
export function startState(): RunState {
  const context = (): ContextState => ({
    computed: new Map(),
    inRow: new Map(),
    probed: new Map(),
  });
  return {
    cond: context(),
    image: context(),
    uncond: context(),
    means: new Map(),
  };
}

/** A state of its own. */
export function copyState({ cond, image, uncond, means }: RunState): RunState {
  const copy = ({ computed, inRow, probed }: ContextState): ContextState => ({
    computed: new Map(computed),
    inRow: new Map(inRow),
    probed: new Map(probed),
  });
  return {
    cond: copy(cond),
    image: copy(image),
    uncond: copy(uncond),
    means: new Map(means),
  };
}

/** What a cache calls a port's value, or its difference to the main input, of one step. */
export function cacheEntry(
  kind: "value" | "difference" | "probe",
  context: Context,
  port: string,
  stepIndex: number,
): string {
  return `${kind} ${context} ${port} #${stepIndex}`;
}

/** The step of an entry that {@link cacheEntry} named. */
export function entryStep(entry: string): number {
  return Number(entry.slice(entry.lastIndexOf("#") + 1));
}

/** What a cache calls the mean of both contexts' values. */
export function meanEntry(port: string, cond: number, uncond: number): string {
  return `mean ${port} #${cond} #${uncond}`;
}
