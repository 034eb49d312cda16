// What a run did and what it cost.

import type { Context } from "../plan/plan.js";
import type { AdaptiveDecision } from "../schedule/adaptive-decision.js";
import type {
  ChangedBy,
  ScheduledContext,
} from "../schedule/scheduled-context.js";
import type { DeviceKind } from "../device/session.js";
import type { MeasuredKeep } from "../plan/measured-keep.js";
import type { PipelineMacs } from "./network-costs.js";

/** What one context did at one step. */
export interface ContextReport {
  /** The stream through the Unet. */
  readonly context: Context;
  /** Which of the run's distinct sets of actions was in force. */
  readonly signature: number;
  /** Acted-on units that were computed. */
  readonly computed: readonly string[];
  /** Reused units, with their value's age in steps. */
  readonly reused: Readonly<Record<string, number>>;
  /** Units that were replaced by zeros. */
  readonly zeroed: readonly string[];
  /** Units whose output was changed in another way, and how. */
  readonly changed: Readonly<Record<string, ChangedBy>>;
  /** Multiply-accumulates of the Unet in this step and context. */
  readonly macs: number;
  /** Time in the Unet, in ms. */
  readonly milliseconds: number;
}

/** What happened at one step. */
export interface StepReport {
  /** Counts the run's timesteps, from 0, the noisiest. */
  readonly stepIndex: number;
  /** What the Unet was handed. */
  readonly timestep: number;
  /** Guidance weight; 1 where guidance was off. */
  readonly guidanceScale: number;
  /** Steps since both contexts ran last, where guidance took their difference from then. */
  readonly deltaAge?: number;
  /** One for each context that ran. */
  readonly contexts: readonly ContextReport[];
}

/** What a run did. */
export interface Report {
  /** The plan's name; `"none"` without one. */
  readonly plan: string;
  /** The sampler's short name. */
  readonly scheduler: string;
  /** Steps of the schedule. */
  readonly numInferenceSteps: number;
  /** Guidance weight that was asked for; 1 is off. */
  readonly guidanceScale: number;
  /** The first image's seed; those after it count up. */
  readonly seed: number;
  /** Where the Unet ran. */
  readonly device: DeviceKind;
  /** WASM threads; 0 on WebGPU. */
  readonly threads: number;
  /** Sessions that the Unet was cut into. */
  readonly segments: number;
  /** Step by step, in running order. */
  readonly steps: readonly StepReport[];
  /** Multiply-accumulates of the Unet in the whole run. */
  readonly macs: number;
  /** What the whole Unet would have cost at every step, in both contexts where guidance is on. */
  readonly fullMacs: number;
  /** The same with the exact savings: what depends on the text or on the timestep alone is computed once. */
  readonly exactMacs: number;
  /** `1 − macs / fullMacs`. */
  readonly macsSaved: number;
  /** The same with the pipeline's other networks, which a plan leaves as they are. */
  readonly pipelineMacs: PipelineMacs;
  /** What adaptive rules decided; given back as the option `decisions`, they lead to the same steps. */
  readonly decisions?: readonly AdaptiveDecision[];
  /** What the plan was measured to keep of the whole model's pictures, as its `calibration` has it. */
  readonly measured?: MeasuredKeep;
  /** From the call to the last image, in ms. */
  readonly milliseconds: number;
  /** What the caller should know, in sentences: unknown words, cut prompts, rules without effect. */
  readonly warnings: readonly string[];
}

/** What a context does at a step, in the form of a report. */
export function contextActs(
  scheduled: ScheduledContext,
): Omit<ContextReport, "macs" | "milliseconds"> {
  const { context, signature, computed, reused, zeroed, changed } = scheduled;
  return {
    context,
    signature,
    computed,
    reused: Object.fromEntries(reused),
    zeroed,
    changed: Object.fromEntries(changed),
  };
}
