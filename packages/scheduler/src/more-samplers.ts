// The samplers that few models name, by their short names: a file of its own in an app.

import { consistency } from "./samplers/consistency.js";
import { deis } from "./samplers/deis.js";
import { dpmSinglestep } from "./samplers/dpm-singlestep.js";
import { dpmppSde } from "./samplers/dpmpp-sde.js";
import { edmDpmpp2m } from "./samplers/edm-dpmpp-2m.js";
import { edmEuler } from "./samplers/edm-euler.js";
import { flowEuler } from "./samplers/flow-euler.js";
import { heun } from "./samplers/heun.js";
import { kdpm2Ancestral } from "./samplers/kdpm2-ancestral.js";
import { kdpm2 } from "./samplers/kdpm2.js";
import { lms } from "./samplers/lms.js";
import { tcd } from "./samplers/tcd.js";
import { unipc } from "./samplers/unipc.js";

/** Those samplers. */
export const moreSamplers = {
  unipc,
  "dpm-singlestep": dpmSinglestep,
  "dpmpp-sde": dpmppSde,
  heun,
  lms,
  deis,
  kdpm2,
  "kdpm2-ancestral": kdpm2Ancestral,
  tcd,
  "edm-euler": edmEuler,
  "edm-dpmpp-2m": edmDpmpp2m,
  "flow-euler": flowEuler,
  consistency,
} as const;
