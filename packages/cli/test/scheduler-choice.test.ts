// `--scheduler` and `--scheduler-option`, as a request takes them.

import { expect, test } from "vitest";
import { samplerRequest } from "../src/planning/study-sampler.js";
import { schedulerChoice } from "../src/terminal/run-options.js";

test("schedulerChoice() leaves a name alone as it is", () => {
  expect(schedulerChoice("ddim")).toBe("ddim");
  expect(schedulerChoice(undefined)).toBeUndefined();
});

test("schedulerChoice() reads options in diffusers' spelling", () => {
  const options = [
    "use_karras_sigmas=true",
    "solver_order=3",
    "algorithm_type=sde-dpmsolver++",
    "lambda_min_clipped=-Infinity",
    "lower_order_final=False",
    "variance_type=None",
  ];
  expect(schedulerChoice("dpmpp-2m", options)).toEqual({
    name: "dpmpp-2m",
    useKarrasSigmas: true,
    solverOrder: 3,
    algorithmType: "sde-dpmsolver++",
    lambdaMinClipped: -Infinity,
    lowerOrderFinal: false,
    varianceType: null,
  });
});

test("schedulerChoice() keeps the model's own where no name is given", () => {
  expect(schedulerChoice(undefined, ["timestep_spacing=trailing"])).toEqual({
    timestepSpacing: "trailing",
  });
});

test("samplerRequest() keeps the options of the sweep", () => {
  const grid = { numInferenceSteps: 6, guidanceScale: 1 };
  const sampler = { scheduler: "euler", ...grid } as const;
  expect(samplerRequest(sampler)).toEqual(sampler);
  const schedulerOptions = ["use_karras_sigmas=true"];
  expect(samplerRequest({ ...sampler, schedulerOptions })).toEqual({
    scheduler: { name: "euler", useKarrasSigmas: true },
    ...grid,
  });
});
