import { describe, expect, test } from "vitest";

import {
  camelCase,
  createScheduler,
  loadScheduler,
  parseSchedulerConfig,
  schedulerNames,
  schedulerOptionKeys,
  schedulerOptions,
} from "@phaseskip/scheduler";
import type { SchedulerConfig } from "@phaseskip/scheduler";

import { golden } from "./golden-file.js";

const make = (name: string, config: SchedulerConfig, numInferenceSteps = 10) =>
  createScheduler(name, config, { numInferenceSteps });

describe("parseSchedulerConfig()", () => {
  test("reads the infinities that Python writes", () => {
    const text = `{"lambda_min_clipped": -Infinity, "a": [Infinity, NaN], "b": "-Infinity \\"NaN\\""}`;
    expect(parseSchedulerConfig(text)).toEqual({
      lambda_min_clipped: -Infinity,
      a: [Infinity, null],
      b: `-Infinity "NaN"`,
    });
  });

  test("throws SyntaxError for what is not JSON even so", () => {
    expect(() => parseSchedulerConfig("<!doctype html>")).toThrow(SyntaxError);
    expect(() => parseSchedulerConfig('{"a": +Infinity}')).toThrow(SyntaxError);
  });

  test.each(["null", "[]", "3"])("throws TypeError for %s", (text) => {
    expect(() => parseSchedulerConfig(text)).toThrow(
      new TypeError(
        `Cannot read the scheduler configuration as it must be a JSON object: current value is ${text}`,
      ),
    );
  });
});

describe("createScheduler()", () => {
  test("throws RangeError that lists the names when it does not know one", () => {
    const { message } = failure(() => make("PriorScheduler", {}));
    expect(message).toMatch(
      /^Cannot create the scheduler as its name must be one of ddpm, ddim, euler, .*, CMStochasticIterativeScheduler: current value is "PriorScheduler"$/,
    );
  });

  test.each([
    ["FlaxPNDMScheduler", "pndm"],
    ["DDIMParallelScheduler", "ddim"],
    ["DDPMParallelScheduler", "ddpm"],
  ])("takes a %s for what it steps as", (className, name) => {
    expect(make(className, {}).name).toBe(name);
  });

  test.each(["toString", "__proto__", ""])("does not know %j", (name) => {
    expect(() => make(name, {})).toThrow(RangeError);
  });

  test("throws TypeError when a factory's options are no object", () => {
    const config = null as unknown as SchedulerConfig;
    expect(() => make("ddim", config).timesteps).not.toThrow();
  });
});

describe("options that diffusers knows and this does not are refused by name", () => {
  test.each<[string, string, unknown, SchedulerConfig?]>([
    ["ddpm", "variance_type", "fixed_large_log"],
    ["ddim", "beta_schedule", "laplace"],
    ["euler", "interpolation_type", "cubic"],
    ["euler", "final_sigmas_type", "none"],
    ["euler-ancestral", "prediction_type", "sample"],
    ["pndm", "prediction_type", "sample"],
    ["dpmpp-2m", "solver_type", "rk4"],
    ["dpmpp-2m", "algorithm_type", "rk4"],
    ["dpmpp-2m", "solver_order", 4],
    ["dpmpp-2m", "solver_order", 3, { algorithm_type: "sde-dpmsolver" }],
    ["dpmpp-2m", "final_sigmas_type", "zero", { algorithm_type: "dpmsolver" }],
    ["dpmpp-2m", "use_beta_sigmas", true, { use_karras_sigmas: true }],
    ["unipc", "final_sigmas_type", "zero", { predict_x0: false }],
    ["unipc", "use_dynamic_shifting", true],
    ["unipc", "shift_terminal", 0.1],
    ["dpmpp-2m", "prediction_type", "flow_prediction"],
    ["dpm-singlestep", "prediction_type", "flow_prediction"],
    ["deis", "prediction_type", "flow_prediction"],
    ["unipc", "prediction_type", "flow_prediction"],
    ["heun", "prediction_type", "flow_prediction"],
    ["kdpm2", "prediction_type", "sample"],
    ["dpmpp-sde", "noise_sampler_seed", -1],
    ["tcd", "prediction_type", "epsilon", { rescale_betas_zero_snr: true }],
    ["lcm", "prediction_type", "epsilon", { rescale_betas_zero_snr: true }],
    [
      "ddim",
      "prediction_type",
      "epsilon",
      { rescale_betas_zero_snr: true, timestep_spacing: "trailing" },
    ],
    ["ddim", "timestep_spacing", "log"],
    ["ddim", "dynamic_thresholding_ratio", 1.5, { thresholding: true }],
  ])("%s %s %j", (name, key, value, others = {}) => {
    const { message } = failure(() => make(name, { ...others, [key]: value }));
    expect(message).toMatch(
      new RegExp(`^Cannot create the .+ scheduler as ${key} must be .+$`),
    );
    expect(message).toMatch(
      new RegExp(
        `: current value is ${JSON.stringify(value).replace(/\W/g, "\\$&")}$`,
      ),
    );
  });

  test("euler() reads a continuous timestep_type as diffusers does without v_prediction", () => {
    const { timesteps } = make("euler", { timestep_type: "continuous" });
    expect(timesteps).toEqual(make("euler", {}).timesteps);
  });
});

describe("values out of range", () => {
  test("a boolean must be one, or null", () => {
    const config = { clip_sample: "false" } as unknown as SchedulerConfig;
    expect(() => make("ddim", config)).toThrow(
      new TypeError(
        'Cannot create the DDIM scheduler as clip_sample must be a boolean: current value is "false"',
      ),
    );
    expect(() => make("euler", { use_karras_sigmas: null })).not.toThrow();
  });

  test.each(["ddpm", "ddim", "pndm"])(
    "%s refuses an offset past the schedule's end",
    (name) => {
      const config = { steps_offset: 2, skip_prk_steps: true };
      expect(() => make(name, config, 1000)).toThrow(
        /as numInferenceSteps must be at most 998 where steps_offset is 2 \(timesteps run to 999, one would be 100[01]\): current value is 100[01]$/,
      );
      expect(() => make(name, { ...config, steps_offset: 990 }, 20)).toThrow(
        /as steps_offset must be such that every timestep lies in \[0, 999\] \(one is \d+\): current value is 990$/,
      );
    },
  );

  test("eta must not be negative", () => {
    const run = { numInferenceSteps: 5, eta: -0.1 };
    expect(() => createScheduler("ddim", {}, run)).toThrow(
      new RangeError(
        "Cannot create the DDIM scheduler as eta must be a number not below 0: current value is -0.1",
      ),
    );
  });

  test("pndm() needs four steps for its Runge-Kutta start", () => {
    expect(() => make("pndm", {}, 3)).toThrow(
      "Cannot create the PNDM scheduler as numInferenceSteps must be at least 4 unless skip_prk_steps is true: current value is 3",
    );
  });

  test("lcm() takes no more steps than were distilled", () => {
    expect(() => make("lcm", { original_inference_steps: 8 }, 9)).toThrow(
      "Cannot create the LCM scheduler as numInferenceSteps must be at most original_inference_steps (8): current value is 9",
    );
    expect(() => make("lcm", { original_inference_steps: 1001 }, 9)).toThrow(
      RangeError,
    );
  });

  test("dpmpp2m() refuses steps that share a timestep", () => {
    expect(() => make("dpmpp-2m", {}, 1000)).toThrow(
      "Cannot create the DPM-Solver++ 2M scheduler as numInferenceSteps must be so small that no two steps share a timestep: current value is 1000",
    );
  });

  test.each(["euler", "dpmpp-2m"])(
    "%s refuses timesteps under Karras sigmas",
    (name) => {
      const create = () =>
        createScheduler(
          name,
          { use_karras_sigmas: true },
          { timesteps: [9, 1] },
        );
      expect(create).toThrow(
        /as use_karras_sigmas must be false where timesteps are given/,
      );
    },
  );
});

function failure(attempt: () => unknown): Error {
  try {
    attempt();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

describe("a file of another class", () => {
  test("of DEIS gives dpmpp-2m its own algorithm", () => {
    const file = { algorithm_type: "deis", solver_type: "logrho" };
    const { timesteps, sigmas } = make("dpmpp-2m", file);
    const plain = make("dpmpp-2m", {});
    expect({ timesteps, sigmas }).toEqual({
      timesteps: plain.timesteps,
      sigmas: plain.sigmas,
    });
  });
});

describe("null is not given", () => {
  test.each(["ddpm", "dpmpp-2m", "euler", "heun"])("%s", (name) => {
    const nulls = { beta_start: null, variance_type: null, sigma_min: null };
    const config = nulls as unknown as SchedulerConfig;
    expect(make(name, config).timesteps).toEqual(make(name, {}).timesteps);
  });
});

describe("addNoise()", () => {
  test("finds a step by its index where timesteps repeat", () => {
    const config = {
      beta_schedule: "scaled_linear",
      beta_start: 0.00085,
      beta_end: 0.012,
      use_karras_sigmas: true,
    };
    const scheduler = make("dpmpp-2m", config, 50);
    const [noisy] = scheduler.addNoise(
      Float32Array.of(0),
      Float32Array.of(1),
      47,
    );
    expect(scheduler.timesteps[47]).toBe(scheduler.timesteps[48]);
    expect(noisy).toBeCloseTo(0.043352, 6);
  });
});

describe("schedulerOptions()", () => {
  test.each(golden("options"))(
    "$name knows diffusers' keys",
    ({ name, keys }) => {
      const missing = ["solver_p", "use_dynamic_shifting", "time_shift_type"];
      missing.push("base_shift", "max_shift", "base_image_seq_len");
      missing.push("max_image_seq_len");
      const own = new Set(schedulerOptionKeys(name));
      for (const key of keys)
        if (!missing.includes(key)) expect(own).toContain(key);
      const beyond = [...own].filter((key) => !keys.includes(key));
      // A range that diffusers heeds wherever a file holds it, and an argument of `step`.
      expect(["sigma_min", "sigma_max", "eta"]).toEqual(
        expect.arrayContaining(beyond.filter((key) => key !== "solver_p")),
      );
    },
  );

  test("turns camelCase into diffusers' spelling", () => {
    const options = { useKarrasSigmas: true, predictX0: false };
    expect(schedulerOptions("unipc", options)).toEqual({
      use_karras_sigmas: true,
      predict_x0: false,
    });
    expect(camelCase("use_karras_sigmas")).toBe("useKarrasSigmas");
  });

  test("names the nearest option where it does not know one", () => {
    expect(() =>
      schedulerOptions("dpmpp-2m", { useKarrasSigma: true }),
    ).toThrow(
      new RangeError(
        'Cannot create the scheduler dpmpp-2m as its options must be diffusers\' (is useKarrasSigmas meant?): current option is "useKarrasSigma"',
      ),
    );
    expect(() => schedulerOptions("pndm", { useKarrasSigmas: true })).toThrow(
      RangeError,
    );
  });
});

describe("loadScheduler()", () => {
  test.each(schedulerNames)(
    "makes %s as createScheduler() does",
    async (name) => {
      const run = { numInferenceSteps: 10 };
      const loaded = await loadScheduler(name, {}, run);
      expect(loaded.name).toBe(name);
      expect(loaded.timesteps).toEqual(
        createScheduler(name, {}, run).timesteps,
      );
    },
  );
});
