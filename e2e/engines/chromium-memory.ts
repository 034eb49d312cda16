// How Chromium is started where memory is compared; decisions/memory.md says why.

/** It measures at once, garbage collected, instead of at its next collection. */
export const measureAtOnce = "--enable-blink-features=ForceEagerMeasureMemory";

/** V8 makes what it keeps of a function at its first call, and nothing more when it has been called often. */
export const steadyCode =
  "--js-flags=--no-lazy-feedback-allocation --no-sparkplug --no-maglev --no-opt";
