// What one context keeps during a run.

import type { Context } from "../plan/plan.js";
import type { SharedTensor } from "./shared-tensor.js";

/** One stream through the Unet during one run: what it computed once, and what its plan keeps. */
export class UnetStream {
  /** The stream through the Unet. */
  readonly context: Context;
  /** Outputs of the text segments. */
  readonly text = new Map<string, SharedTensor>();
  /** Kept values by the name of their entry; both contexts of the same images share them. */
  readonly cache: Map<string, SharedTensor>;

  /** Whether the plan has changed a value, which may have become zero. */
  mayBeZero = false;

  /** @param beside the other context's stream */
  constructor(context: Context, beside?: UnetStream) {
    this.context = context;
    this.cache = beside?.cache ?? new Map<string, SharedTensor>();
  }

  /** Frees everything that the run kept; of the shared cache, too. */
  dispose(): void {
    for (const kept of [this.text, this.cache]) {
      for (const shared of kept.values()) shared.release();
      kept.clear();
    }
  }
}
