// The samplers that most models name, by their short names.

import { ddim } from "./samplers/ddim.js";
import { ddpm } from "./samplers/ddpm.js";
import { dpmpp2m } from "./samplers/dpmpp-2m.js";
import { eulerAncestral } from "./samplers/euler-ancestral.js";
import { euler } from "./samplers/euler.js";
import { lcm } from "./samplers/lcm.js";
import { pndm } from "./samplers/pndm.js";

/** Those samplers. */
export const commonSamplers = {
  ddpm,
  ddim,
  euler,
  "euler-ancestral": eulerAncestral,
  "dpmpp-2m": dpmpp2m,
  pndm,
  lcm,
} as const;
