// What a run looked like at its steps, as many of them as fit into a bound.

import type { Picture, StepReport } from "phaseskip";

/** The most that pictures of one run may take, in bytes: fifty of 350 pixels a side. */
const most = 25e6;

/** A step that was done. */
export interface DoneStep {
  readonly report: StepReport;
  /** Missing where it was not kept. */
  readonly picture?: Picture;
}

/** The steps of one run. */
export class KeptSteps {
  readonly #steps: DoneStep[] = [];
  #every = 1;

  /** How many were done. */
  get length(): number {
    return this.#steps.length;
  }

  /** Takes the next step; where pictures take too much, every other one is dropped. */
  add(report: StepReport, picture: Picture): void {
    const isKept = this.#steps.length % this.#every === 0;
    this.#steps.push({ report, ...(isKept && { picture }) });
    const kept = Math.ceil(this.#steps.length / this.#every);
    if (kept * picture.data.byteLength <= most || kept < 4) return;
    this.#every *= 2;
    for (const [i, { report: only }] of this.#steps.entries())
      if (i % this.#every !== 0) this.#steps[i] = { report: only };
  }

  /** What was done at a step. */
  at(step: number): DoneStep | undefined {
    return this.#steps[step];
  }

  /** The picture at a step, or the last one kept before it. */
  pictureAt(step: number): Picture | undefined {
    const last = Math.min(step, this.#steps.length - 1);
    return this.#steps[last - (last % this.#every)]?.picture;
  }
}
