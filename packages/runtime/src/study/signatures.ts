// The distinct live graphs of many schedules, counted once.

import type { LiveGraph } from "@phaseskip/graph";
import type { Schedule, ScheduledStep } from "../schedule/schedule.js";

/** Gives the signatures of several schedules common indices. */
export class Signatures {
  readonly #indices = new Map<string, number>();
  readonly #signatures: LiveGraph[] = [];

  /** @param schedule whose signatures come first, under the indices that they have */
  constructor(schedule: Schedule) {
    this.adopt(schedule, 0);
  }

  /** All signatures so far. */
  get signatures(): readonly LiveGraph[] {
    return this.#signatures;
  }

  /**
   * The steps of a schedule under the common indices.
   * @param firstStep the step index at which the schedule begins
   */
  adopt({ signatures, steps }: Schedule, firstStep: number): ScheduledStep[] {
    const common = signatures.map((live) => this.#indexOf(live));
    return steps.map((step) => ({
      ...step,
      stepIndex: step.stepIndex + firstStep,
      contexts: step.contexts.map((context) => ({
        ...context,
        signature: common[context.signature]!,
      })),
    }));
  }

  #indexOf(live: LiveGraph): number {
    const acting = [...live.ports.values()].filter(
      ({ unit: _unit, value: _value, ...decision }) =>
        JSON.stringify(decision) !== JSON.stringify({ state: "fresh" }),
    );
    const lines = acting.map((port) => JSON.stringify(port)).sort();
    const key = lines.join("\n");
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.#signatures.length);
    return this.#signatures.push(live) - 1;
  }
}
