// The entry `phaseskip/element`: importing it in a page defines <phaseskip-image>; on a server it does nothing.

import { PhaseskipImage } from "./element/phaseskip-image.js";

export { PhaseskipImage } from "./element/phaseskip-image.js";
export type { PhaseskipImageEvents } from "./element/phaseskip-image.js";

const name = "phaseskip-image";
if ("customElements" in globalThis && !customElements.get(name))
  customElements.define(name, PhaseskipImage);
