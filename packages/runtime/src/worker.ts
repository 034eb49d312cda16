// The entry `phaseskip/worker`.
export { serve } from "./wire/worker.js";
export type { ServeOptions } from "./wire/worker.js";
