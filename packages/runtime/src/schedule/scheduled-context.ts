// What a schedule says of one context at one step.

import type { Port } from "@phaseskip/graph";
import type { AdaptiveDecision } from "./adaptive-decision.js";
import type { Context } from "../plan/plan.js";
import type { CachedRead } from "./port-decision.js";

/** A value that is kept for later steps. */
export interface Store {
  /** What the cache calls it. */
  readonly entry: string;
  /** Where it is taken. */
  readonly port: Port;
  /**
   * What is kept: the port's computed `value`, before its own action; that value's `difference` to its unit's main
   * input; or the `result` of the action.
   */
  readonly kind: "value" | "difference" | "result";
}

/** What one context does at one step. */
export interface ScheduledContext {
  /** The stream through the Unet. */
  readonly context: Context;
  /** Index into `Schedule.signatures`. */
  readonly signature: number;
  /** By key of a port: the kept values that it hands on. */
  readonly reads: ReadonlyMap<string, CachedRead>;
  /** Values that are kept at this step, because a later one reads them. */
  readonly stores: readonly Store[];
  /** Names of kept values that nothing reads after this step. */
  readonly drops: readonly string[];
  /** Acted-on units that are computed. */
  readonly computed: readonly string[];
  /** Units whose kept value is handed on, with the number of steps since it was computed. */
  readonly reused: ReadonlyMap<string, number>;
  /** Units that are zeroed. */
  readonly zeroed: readonly string[];
  /** Units whose output is changed in another way, and how. */
  readonly changed: ReadonlyMap<string, ChangedBy>;
  /** What adaptive rules decided. */
  readonly decisions: readonly AdaptiveDecision[];
}

/** Actions that change what a unit hands on, beside zeros and kept values. */
export type ChangedBy =
  "bypass" | "mean" | "scale" | "extrapolate" | "forecast";
