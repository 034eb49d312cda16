// What an app holds of a pipeline. Its members find the pipeline without `this`, so that they also work where a
// framework's reactive state hands the app a proxy of it, which private fields do not bear.

import type { Pipeline } from "../pipeline.js";

const known: { readonly dispose?: typeof Symbol.dispose } = Symbol;
/** `Symbol.dispose`; where an engine has none, what a compiler's `using` looks for there. */
const atEnd: typeof Symbol.dispose =
  known.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

/** A pipeline that may lie in a Vue `ref`, a Svelte `$state`, a MobX `observable` or a Solid store. */
export class PipelineHandle implements Pipeline {
  declare readonly device: Pipeline["device"];
  declare readonly takes: Pipeline["takes"];
  declare readonly warnings: Pipeline["warnings"];
  readonly generate: Pipeline["generate"];
  readonly denoise: Pipeline["denoise"];
  readonly describe: Pipeline["describe"];
  readonly dispose: Pipeline["dispose"];
  readonly [atEnd]: Pipeline["dispose"];

  constructor(pipeline: Omit<Pipeline, typeof Symbol.dispose>) {
    this.generate = pipeline.generate.bind(pipeline);
    this.denoise = pipeline.denoise.bind<Pipeline["denoise"]>(pipeline);
    this.describe = pipeline.describe.bind(pipeline);
    this.dispose = this[atEnd] = pipeline.dispose.bind(pipeline);
    for (const name of ["device", "takes", "warnings"] as const)
      Object.defineProperty(this, name, { get: () => pipeline[name] });
  }
}
