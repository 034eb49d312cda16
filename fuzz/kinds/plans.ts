// Plans, read and laid out on a Unet.

import { readFile, readdir } from "node:fs/promises";
import { parsePlan } from "../../packages/runtime/src/plan/parse-plan.js";
import { schedulePlan } from "../../packages/runtime/src/schedule/schedule.js";
import type { Kind } from "../kind.js";
import { mutateJson } from "../mutate-json.js";
import { handMade } from "./unets.js";

const methods = [
  { units: ["up_blocks.*"], action: "reuse", refresh: { every: 3 } },
  {
    units: ["mid_block"],
    phases: ["early"],
    action: "reuse",
    refresh: { at: [0, 1, 5] },
  },
  {
    units: ["mid_block"],
    phases: ["late"],
    action: "reuse",
    value: "residual",
    refresh: { everyTimesteps: 60 },
  },
  {
    units: ["**.skip"],
    phases: ["early"],
    action: "scale",
    factor: 0.9,
    channels: [0, 0.5],
    lowPass: 2,
  },
  {
    units: ["mid_block"],
    phases: ["late"],
    action: "bypass",
    contexts: ["cond"],
  },
  {
    units: ["down_blocks.0"],
    action: "extrapolate",
    order: 2,
    refresh: { every: 2 },
  },
  {
    units: ["mid_block"],
    action: "adaptive",
    probe: "conv_in",
    threshold: 0.1,
    maxConsecutive: 3,
    warmup: 1,
  },
  { units: ["up_blocks.0.resnets.0.skip"], phases: ["late"], action: "zero" },
];

/** Plans, read and laid out on a Unet of a dozen nodes. */
export const planKind: Kind = {
  name: "plans",
  share: 14,
  open: async () => {
    const unet = await handMade();
    const folder = new URL("../../models/scenes/plans/", import.meta.url);
    const shipped = await Promise.all(
      (await readdir(folder)).map((name) =>
        readFile(new URL(name, folder), "utf8"),
      ),
    );
    const own = methods.map((rule) => ({
      format: "phaseskip-plan",
      version: 1,
      name: "own",
      phases: [
        { name: "early", from: 1000, to: 600 },
        { name: "late", from: 600, to: 0 },
      ],
      rules: [rule, methods[0]],
      guidance: [{ phases: ["late"], action: "delta", refresh: { every: 2 } }],
      steps: { numInferenceSteps: 10 },
    }));
    const starts = [
      ...own,
      ...own,
      ...shipped.map((text) => JSON.parse(text) as object),
    ];
    return (random) => {
      const text = mutateJson(random.pick(starts), random);
      const guidanceScale = random.pick([1, 5]);
      return () =>
        schedulePlan(unet, {
          plan: parsePlan(JSON.parse(text)),
          timesteps: [999, 899.5, 799, 699, 599, 499, 399, 299, 199, 99],
          numTrainTimesteps: 1000,
          guidanceScale,
          scheduler: "ddim",
        });
    };
  },
};
