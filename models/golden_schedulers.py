"""Writes the golden values of packages/scheduler from diffusers and PyTorch.

    python models/golden_schedulers.py [NAME …]

Needs torch 2.13.0, diffusers 0.42.1, numpy 2.4.6, scipy 1.17.1 and torchsde 0.2.6 on x86-64 with
AVX2. The files land in packages/scheduler/test/golden/: one for each sampler, with its options,
beside `schedules.json` (noise schedules), `noise.json` (seeded noise) and `brownian.json`; and in
golden/models/ one for each sampler over the files of scheduler_configs.json, as models publish
them, at ten numbers of steps. Arrays are base64 of little-endian float32.

Each case runs a whole trajectory of one image with a network that is simple enough to be the
same, bit for bit, in every language (see `network`).

Where the last bit of PyTorch's roots, logarithms and exponentials shows in a run, diffusers' numbers
are those of one processor. Such a run is that of diffusers with these functions exactly rounded
(exact_functions.py), and its `apart` says how far PyTorch's own is from it.
"""

import base64
import inspect
import json
import pathlib
import sys
import warnings

import diffusers
import numpy as np
import torch

from exact_functions import ExactFunctions

GOLDEN = pathlib.Path(__file__).parent.parent / "packages/scheduler/test/golden"
CLASSES = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "dpmpp-2m": "DPMSolverMultistepScheduler",
    "pndm": "PNDMScheduler",
    "lcm": "LCMScheduler",
    "unipc": "UniPCMultistepScheduler",
    "dpm-singlestep": "DPMSolverSinglestepScheduler",
    "dpmpp-sde": "DPMSolverSDEScheduler",
    "heun": "HeunDiscreteScheduler",
    "lms": "LMSDiscreteScheduler",
    "deis": "DEISMultistepScheduler",
    "kdpm2": "KDPM2DiscreteScheduler",
    "kdpm2-ancestral": "KDPM2AncestralDiscreteScheduler",
    "tcd": "TCDScheduler",
    "edm-euler": "EDMEulerScheduler",
    "edm-dpmpp-2m": "EDMDPMSolverMultistepScheduler",
    "flow-euler": "FlowMatchEulerDiscreteScheduler",
    "consistency": "CMStochasticIterativeScheduler",
}
SHAPE = [3, 2, 4]
MODEL_FILES = pathlib.Path(__file__).parent / "scheduler_configs.json"
MODEL_STEPS = [1, 2, 3, 5, 8, 10, 15, 20, 30, 50]
MODEL_SHAPE = [3, 1, 1]
# Of the largest number of a step: some eight roundings.
MAX_APART = 5e-7

# Stable Diffusion 1.x, as its scheduler_config.json has it.
STABLE_DIFFUSION = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}

# An unconditional DDPM in pixel space.
PIXEL_DDPM = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.1.1",
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "variance_type": "fixed_large",
}


def case(name, config=None, steps=6, **rest):
    """One run: `config` for from_config, then `steps`, `timesteps`, `eta`, `seed`, `shape`,
    `strength` (image to image); `inert` names keys that the class knows but that have no effect
    here although they are off their default."""
    return {"name": name, "config": config or {}, "steps": steps, **rest}


def common_cases(spacings=("leading", "trailing", "linspace"), predictions=("v_prediction",), inert=()):
    """Options that most classes share; `inert` in the files of whole models."""
    yield case("defaults")
    for spacing in spacings:
        yield case(f"{spacing} spacing, 7 steps", {"timestep_spacing": spacing}, 7)
    if "leading" in spacings:
        yield case("offset", {"timestep_spacing": "leading", "steps_offset": 1})
    for prediction in predictions:
        yield case(prediction, {"prediction_type": prediction})
    yield case("scaled_linear", {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    yield case("linear betas of another range", {"beta_schedule": "linear", "beta_start": 0.001, "beta_end": 0.03})
    yield case("squaredcos_cap_v2", {"beta_schedule": "squaredcos_cap_v2"})
    yield case("fewer training timesteps", {"num_train_timesteps": 300})
    yield case("trained betas", {"num_train_timesteps": 60, "trained_betas": [round(0.002 + 0.0017 * i, 6) for i in range(60)]})
    yield case("one step", {}, 1)
    yield case("fewer than 16 elements", {}, shape=[1, 2, 3], seed=11)
    yield case("image to image", {}, 10, strength=0.55)
    yield case("keys whose values are not to be used", {"_use_default_values": ["beta_schedule", "num_train_timesteps"], "beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 300}, inert=["beta_schedule", "num_train_timesteps"])
    yield case("the configuration of Stable Diffusion", STABLE_DIFFUSION, inert=inert)
    yield case("the configuration of a pixel-space DDPM", PIXEL_DDPM, inert=inert)


ZERO_SNR = case("zero terminal SNR", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"})
CLIPPING = [
    case("clipped", {"clip_sample": True, "clip_sample_range": 0.7}),
    case("not clipped", {"clip_sample": False}),
    case("thresholding", {"thresholding": True, "sample_max_value": 1.8}),
    case("thresholding at a low quantile", {"thresholding": True, "dynamic_thresholding_ratio": 0.6, "sample_max_value": 3.0}),
]
SAVED_DPM = {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "beta_schedule": "scaled_linear", "lambda_min_clipped": float("-inf"), "solver_order": 2, "thresholding": False, "use_karras_sigmas": True, "variance_type": None}
SAVED_EULER = {"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": True, "sigma_min": 0.05, "sigma_max": 9.0}
SAVED_UNIPC = {"_class_name": "UniPCMultistepScheduler", "solver_order": 1, "solver_type": "bh2", "predict_x0": True, "thresholding": True, "sample_max_value": 1.5}

CASES = {
    "ddpm": [
        *common_cases(predictions=("v_prediction", "sample")),
        *CLIPPING,
        ZERO_SNR,
        *(case(kind, {"variance_type": kind}) for kind in ("fixed_large", "learned", "learned_range")),
        # The same deviation as fixed_small's, by way of its logarithm.
        case("fixed_small_log", {"variance_type": "fixed_small_log"}, inert=["variance_type"]),
        case("timesteps", {}, None, timesteps=[990, 700, 421, 33, 2]),
        case("last timestep above 0", {"steps_offset": 3}, 4),
    ],
    "ddim": [
        *common_cases(predictions=("v_prediction", "sample")),
        *CLIPPING,
        ZERO_SNR,
        case("set_alpha_to_one false", {"set_alpha_to_one": False}),
        case("eta 1", {}, eta=1.0),
        case("eta 0.3", {"timestep_spacing": "trailing"}, eta=0.3),
        case("eta with clipping off", {"clip_sample": False, "prediction_type": "sample"}, eta=0.7),
        *(case(f"trailing, {steps} steps", {"timestep_spacing": "trailing"}, steps) for steps in (3, 9, 15)),
    ],
    "euler": [
        *common_cases(predictions=("v_prediction", "sample"), inert=["steps_offset"]),
        ZERO_SNR,
        case("Karras sigmas", {"use_karras_sigmas": True}),
        case("Karras sigmas in a range", {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 20.0}),
        case("Karras sigmas of a saved file", SAVED_EULER),
        case("Karras sigmas of a DPM-Solver's file", SAVED_DPM),
        case("log_linear", {"interpolation_type": "log_linear"}),
        case("final sigma_min", {"final_sigmas_type": "sigma_min", "timestep_spacing": "trailing"}),
        case("timesteps", {}, None, timesteps=[990, 700.5, 421, 33, 2]),
        case("leading past the end", {"timestep_spacing": "leading", "steps_offset": 200}, 5),
    ],
    "euler-ancestral": [*common_cases(inert=["steps_offset"]), ZERO_SNR],
    "dpmpp-2m": [
        *common_cases(predictions=("v_prediction", "sample"), inert=["steps_offset", "variance_type"]),
        *CLIPPING[2:],
        ZERO_SNR,
        case("order 1", {"solver_order": 1}),
        case("heun", {"solver_type": "heun"}),
        case("lower_order_final false", {"lower_order_final": False, "final_sigmas_type": "sigma_min"}),
        case("final sigma_min", {"final_sigmas_type": "sigma_min"}, 16),
        case("euler_at_final", {"euler_at_final": True, "final_sigmas_type": "sigma_min"}, 16),
        case("17 steps", {}, 17),
        case("Karras sigmas", {"use_karras_sigmas": True}, 9),
        case("Karras sigmas, cosine", {"use_karras_sigmas": True, "beta_schedule": "squaredcos_cap_v2"}, 9),
        case("Karras sigmas in a range", {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 20.0}, 9),
        case("Karras sigmas of an Euler's file", SAVED_EULER),
        case("saved file", SAVED_DPM),
        case("UniPC's file", SAVED_UNIPC, inert=["solver_type"]),
        case("deis", {"algorithm_type": "deis", "solver_type": "logrho", "final_sigmas_type": "sigma_min"}, inert=["algorithm_type", "solver_type"]),
        *(case(f"lambda clipped, {spacing}", {"lambda_min_clipped": -3.0, "beta_schedule": "squaredcos_cap_v2", "timestep_spacing": spacing}) for spacing in ("linspace", "leading", "trailing")),
        case("learned variance", {"variance_type": "learned_range"}, inert=["variance_type"]),
        case("timesteps", {}, None, timesteps=[990, 700, 421, 33, 2]),
    ],
    "pndm": [
        *common_cases(),
        case("set_alpha_to_one", {"set_alpha_to_one": True}),
        *(case(f"skip_prk_steps, {steps} steps", {"skip_prk_steps": True}, steps) for steps in (1, 2, 7)),
        *(case(f"skip_prk_steps, {spacing}", {"skip_prk_steps": True, "timestep_spacing": spacing}) for spacing in ("trailing", "linspace")),
        case("skip_prk_steps, v_prediction", {"skip_prk_steps": True, "prediction_type": "v_prediction"}),
        case("skip_prk_steps, image to image", {"skip_prk_steps": True}, 10, strength=0.55),
    ],
    "lcm": [
        *common_cases(spacings=(), predictions=("v_prediction", "sample"), inert=["steps_offset", "set_alpha_to_one"]),
        *CLIPPING,
        case("zero terminal SNR", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}),
        case("4 steps of 30", {"original_inference_steps": 30}, 4),
        case("timestep scaling", {"timestep_scaling": 0.05}),
        case("spacing and offset have no effect", {"timestep_spacing": "trailing", "steps_offset": 1, "set_alpha_to_one": False}, inert=["timestep_spacing", "steps_offset", "set_alpha_to_one"]),
        case("timesteps", {}, None, timesteps=[999, 699, 419, 39]),
    ],
}
RULES = [case(f"{rule} sigmas", {f"use_{rule}_sigmas": True}, 9) for rule in ("karras", "exponential", "beta")]
RANGED = [case(f"{rule} sigmas in a range", {f"use_{rule}_sigmas": True, "sigma_min": 0.1, "sigma_max": 20.0}, 9) for rule in ("karras", "exponential", "beta")]
SPACED = [case(f"{spacing}, {steps} steps", {"timestep_spacing": spacing, "steps_offset": 1}, steps) for spacing in ("leading", "trailing") for steps in (7, 16)]
SAVED = [case("the file of an Euler", SAVED_EULER), case("the file of a DPM-Solver", SAVED_DPM)]
BETAS = [
    case("defaults"),
    case("v_prediction", {"prediction_type": "v_prediction"}),
    case("squaredcos_cap_v2", {"beta_schedule": "squaredcos_cap_v2"}),
    case("trained betas", {"num_train_timesteps": 60, "trained_betas": [round(0.002 + 0.0017 * i, 6) for i in range(60)]}),
    case("fewer than 16 elements", {}, shape=[1, 2, 3], seed=11),
    case("image to image", {}, 10, strength=0.55),
    case("the configuration of Stable Diffusion", STABLE_DIFFUSION),
    *SAVED,
]
SAMPLE = case("sample", {"prediction_type": "sample"})
FLOW = [
    case("flow sigmas", {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}, 9),
    case("flow sigmas without a shift", {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}, 9),
]
THRESHOLDS = CLIPPING[2:]


def solver_cases(orders, solver_types, algorithms, final=("zero", "sigma_min")):
    for algorithm in algorithms:
        for order in orders(algorithm):
            for kind in solver_types if order > 1 else solver_types[:1]:
                for steps in (6, 16):
                    config = {"algorithm_type": algorithm, "solver_order": order, "solver_type": kind}
                    if "++" not in algorithm:
                        config["final_sigmas_type"] = "sigma_min"
                    yield case(f"{algorithm}, order {order}, {kind}, {steps} steps", config, steps)


CASES["euler"] += [*RULES[1:], *RANGED[1:], case("continuous", {"timestep_type": "continuous", "prediction_type": "v_prediction", "use_karras_sigmas": True})]
CASES["dpmpp-2m"] += [
    *RULES[1:], *RANGED[1:], *FLOW,
    case("Lu's lambdas", {"use_lu_lambdas": True}, 9),
    case("Lu's lambdas, cosine", {"use_lu_lambdas": True, "beta_schedule": "squaredcos_cap_v2"}, 9),
    *solver_cases(lambda kind: (1, 2) if kind == "sde-dpmsolver" else (1, 2, 3), ("midpoint", "heun"), ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver")),
    *(case(f"noise prediction, {kind}", {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "prediction_type": kind}) for kind in ("v_prediction", "sample")),
    case("noise prediction, thresholding", {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "thresholding": True, "sample_max_value": 1.8}),
]


CASES["dpm-singlestep"] = [
    *BETAS, SAMPLE, *THRESHOLDS, *RULES, *RANGED, *FLOW,
    *solver_cases(lambda kind: (1, 2, 3), ("midpoint", "heun"), ("dpmsolver++", "dpmsolver", "sde-dpmsolver++")),
    *(case(f"lower_order_final, order {order}, {steps} steps", {"lower_order_final": True, "solver_order": order, "final_sigmas_type": "sigma_min"}, steps) for order in (2, 3) for steps in (6, 7, 8)),
    case("order 3 of whole groups", {"solver_order": 3, "final_sigmas_type": "sigma_min"}, 6),
    case("lambda clipped", {"lambda_min_clipped": -3.0, "beta_schedule": "squaredcos_cap_v2"}),
    case("learned variance", {"variance_type": "learned_range"}),
    case("image to image inside of a group", {"solver_order": 3}, 10, strength=0.5),
    case("timesteps", {}, None, timesteps=[990, 700, 421, 33, 2]),
]
CASES["unipc"] = [
    *BETAS, SAMPLE, *THRESHOLDS, *RULES, *RANGED, *SPACED, *FLOW, ZERO_SNR,
    *(case(f"order {order}, {kind}, {steps} steps", {"solver_order": order, "solver_type": kind, "final_sigmas_type": "sigma_min"}, steps) for order in (1, 2, 3, 4) for kind in ("bh1", "bh2") for steps in (6, 12)),
    *(case(f"order {order}", {"solver_order": order}, 12) for order in (1, 3)),
    *(case(f"noise prediction, {kind}", {"predict_x0": False, "final_sigmas_type": "sigma_min", "prediction_type": kind}) for kind in ("epsilon", "v_prediction", "sample")),
    case("lower_order_final false", {"lower_order_final": False, "final_sigmas_type": "sigma_min"}, 8),
    case("some corrections left out", {"disable_corrector": [0, 3]}, 8),
    case("flow sigmas to a terminal", {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 5.0, "shift_terminal": 0.1}, 9),
    case("flow sigmas by Karras", {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "use_karras_sigmas": True, "sigma_min": 0.01, "sigma_max": 100.0}, 9),
    case("image to image, order 3", {"solver_order": 3}, 10, strength=0.55),
]
CASES["deis"] = [
    *BETAS, SAMPLE, *THRESHOLDS, *RULES, *RANGED, *SPACED, *FLOW,
    *(case(f"order {order}, {steps} steps", {"solver_order": order}, steps) for order in (1, 3) for steps in (6, 20)),
    case("lower_order_final false", {"lower_order_final": False}),
    case("lower_order_final false, order 3", {"lower_order_final": False, "solver_order": 3}),
]
CASES["heun"] = [*BETAS, SAMPLE, *CLIPPING[:2], *RULES, *RANGED, *SPACED, case("exp", {"beta_schedule": "exp"}), case("one step", {}, 1), case("timesteps", {}, None, timesteps=[990, 700, 421, 33, 2])]
CASES["lms"] = [*BETAS, SAMPLE, *RULES, *RANGED, *SPACED, case("one step", {}, 1)]
CASES["kdpm2"] = [*BETAS, *RULES, *RANGED, *SPACED, case("one step", {}, 1)]
# Under the cosine schedule a first step's noise is all of the next sigma, and diffusers gives NaN.
CASES["kdpm2-ancestral"] = [*(c for c in BETAS if c["name"] != "squaredcos_cap_v2"), *RULES, *RANGED, *SPACED, case("two steps", {}, 2)]
CASES["dpmpp-sde"] = [*BETAS, *RULES, *RANGED, *SPACED, case("one step", {}, 1), case("a seed of its own", {"noise_sampler_seed": 2**40 + 3})]
CASES["tcd"] = [
    *BETAS, SAMPLE,
    case("zero terminal SNR", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}),
    case("4 steps of 30", {"original_inference_steps": 30}, 4),
    *(case(f"eta {eta}", {}, eta=eta) for eta in (0.0, 0.7, 1.0)),
    case("timesteps", {}, None, timesteps=[999, 699, 419, 39]),
    case("one step", {}, 1),
]
EDM = [
    case("defaults"),
    case("v_prediction", {"prediction_type": "v_prediction", "sigma_data": 1.0, "sigma_max": 120.0}),
    case("exponential", {"sigma_schedule": "exponential", "sigma_min": 0.01}, 9),
    case("another rho", {"rho": 5.0}, 17),
    case("final sigma_min", {"final_sigmas_type": "sigma_min"}, 17),
    case("image to image", {}, 10, strength=0.55),
    case("one step", {}, 1),
]
CASES["edm-euler"] = EDM
CASES["edm-dpmpp-2m"] = [
    *EDM, *THRESHOLDS,
    *(case(f"{algorithm}, order {order}, {kind}, {steps} steps", {"algorithm_type": algorithm, "solver_order": order, "solver_type": kind}, steps)
      for algorithm, orders in (("dpmsolver++", (1, 2, 3)), ("sde-dpmsolver++", (1, 2))) for order in orders for kind in ("midpoint", "heun") for steps in (6, 16)),
    case("lower_order_final false", {"lower_order_final": False, "solver_order": 3}),
    case("euler_at_final", {"euler_at_final": True, "final_sigmas_type": "sigma_min", "solver_order": 3}, 16),
]
CASES["flow-euler"] = [
    case("defaults"),
    case("shift 3", {"shift": 3.0}, 9),
    case("to a terminal", {"shift": 3.0, "shift_terminal": 0.1}, 9),
    case("inverted", {"invert_sigmas": True}),
    case("stochastic", {"stochastic_sampling": True}),
    *RULES,
    case("Karras sigmas in a range", {"use_karras_sigmas": True, "sigma_min": 0.05, "sigma_max": 0.9}, 9),
    case("image to image", {}, 10, strength=0.55),
    case("one step", {}, 1),
]
CASES["consistency"] = [
    case("defaults"),
    case("one step", {}, 1),
    case("two steps", {}, 2),
    case("timesteps", {}, None, timesteps=[22, 0]),
    case("not clipped", {"clip_denoised": False}),
    case("another range", {"sigma_min": 0.05, "sigma_max": 20.0, "sigma_data": 1.0}, 9),
    case("another rho and noise", {"rho": 5.0, "s_noise": 1.1}, 4),
    case("more training timesteps", {"num_train_timesteps": 151}, 18),
    case("image to image", {}, 10, strength=0.55),
    case("fewer than 16 elements", {}, shape=[1, 2, 3], seed=11),
]
# PNDM starts with Runge-Kutta steps unless told otherwise, which take at least 4 steps.
CASES["pndm"] = [c for c in CASES["pndm"] if c["name"] != "one step"]

NOISE = [
    {"seed": 0, "counts": [16]},
    {"seed": 7, "counts": [3, 5, 16, 1, 17, 2, 100, 1, 1]},
    {"seed": 2**32 - 1, "counts": [15, 24]},
    {"seed": 2**32 + 5, "counts": [24]},
    {"seed": 2**53 - 1, "counts": [24, 6]},
    {"seed": -1, "counts": [24]},
    {"seed": -(2**40) - 3, "counts": [7]},
    {"seed": 1234, "counts": [3072, 31]},
]

SCHEDULES = [
    {},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"beta_schedule": "linear", "beta_start": 0.0015, "beta_end": 0.0195, "num_train_timesteps": 777},
    {"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": True},
    {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 250, "rescale_betas_zero_snr": True},
    {"beta_schedule": "laplace"},
    {"beta_schedule": "sigmoid", "beta_end": 0.01, "num_train_timesteps": 500},
    {"num_train_timesteps": 5, "trained_betas": [0.1, 0.2, 0.15, 0.3, 0.9]},
    {"num_train_timesteps": 1},
]


def packed(values):
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def pattern(length, factor, step):
    """Multiples of 1/8 in [-1, 1)."""
    return torch.tensor([((factor * j + 3 * step) % 16) / 8 - 1 for j in range(length)])


def network(scaled, step, config):
    """0.375 times the input plus a pattern; then the variance's half, where that is learned."""
    flat = scaled.flatten()
    output = flat * 0.375 + pattern(flat.numel(), 7, step) * 0.5
    kind = config.get("variance_type")
    if kind in ("learned", "learned_range"):
        variance = pattern(flat.numel(), 5, step)
        output = torch.cat([output, (variance + 1.125) / 16 if kind == "learned" else variance])
    return output.reshape(1, -1, *scaled.shape[2:])


def original_by_pndm(scheduler, output, timestep, sample):
    """PNDM's clean sample, which diffusers does not return."""
    alpha = scheduler.alphas_cumprod[timestep]
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    if scheduler.config.prediction_type == "sample":
        return output
    if scheduler.config.prediction_type == "v_prediction":
        return signal * sample - noise * output
    return (sample - noise * output) / signal


def inert_keys(name, spec, golden):
    """Keys of the configuration that can be left out without a change."""
    for key in spec["config"]:
        rest = {other: value for other, value in spec["config"].items() if other != key}
        try:
            without = run(name, {**spec, "config": rest}, is_final=False)
        except Exception:
            continue
        if all(without[part] == golden[part] for part in ("timestepsOut", "prevSamples", "predOriginalSamples")):
            yield key


def original_of(name, scheduler, index, output, timestep, sample, result):
    """The clean sample as estimated at a step, which not every class returns."""
    if name in ("pndm", "tcd"):
        return original_by_pndm(scheduler, output, timestep, sample)
    if name == "flow-euler":
        return sample - scheduler.sigmas[index] * output
    if name == "consistency":
        skip, out = scheduler.get_scalings_for_boundary_condition(scheduler.sigmas[index])
        original = out * output + skip * sample
        return original.clamp(-1, 1) if scheduler.config.clip_denoised else original
    if name == "lcm":
        return result["denoised"]
    if not hasattr(scheduler, "model_outputs"):
        return result["pred_original_sample"]
    if name == "deis" or getattr(scheduler, "predict_x0", True) is False or scheduler.config.get("algorithm_type") in ("dpmsolver", "sde-dpmsolver"):
        # These keep the noise instead.
        signal, noise = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas[index])
        original = {
            "epsilon": lambda: (sample - noise * output) / signal,
            "sample": lambda: output,
            "v_prediction": lambda: signal * sample - noise * output,
            "flow_prediction": lambda: sample - noise * output,
        }[scheduler.config.prediction_type]()
        return scheduler._threshold_sample(original) if scheduler.config.thresholding and name != "unipc" else original
    return scheduler.model_outputs[-1]


def record_path(scheduler, like, path):
    """Has the scheduler's noise recorded as it is drawn."""
    from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

    least, most = scheduler.sigmas[scheduler.sigmas > 0].min(), scheduler.sigmas.max()
    sampler = BrownianTreeNoiseSampler(like, least.item(), most.item(), scheduler.noise_sampler_seed)

    def draw(sigma, sigma_next):
        path.append(sampler(sigma, sigma_next))
        return path[-1]

    scheduler.noise_sampler = draw


def made(name, config):
    """The scheduler, without the thousand steps that some classes lay out first for nothing."""
    kind = getattr(diffusers, CLASSES[name])
    if name not in ("kdpm2", "kdpm2-ancestral", "dpmpp-sde", "heun"):
        return kind.from_config(config)
    set_timesteps = kind.set_timesteps
    kind.set_timesteps = lambda self, *_: setattr(self, "sigmas", torch.zeros(1))
    try:
        return kind.from_config(config)
    finally:
        kind.set_timesteps = set_timesteps


def run(name, spec, is_final=True):
    scheduler = made(name, spec["config"])
    if name == "dpmpp-sde" and scheduler.noise_sampler_seed is None:
        scheduler.noise_sampler_seed = spec.get("seed", 7)
    if spec.get("timesteps"):
        scheduler.set_timesteps(timesteps=spec["timesteps"])
        steps = len(spec["timesteps"])
    else:
        scheduler.set_timesteps(spec["steps"])
        steps = spec["steps"]
    timesteps = scheduler.timesteps
    if timesteps[-1] == -1:
        raise ValueError("NumPy's arange gave one timestep too many")
    shape = spec.get("shape", SHAPE)
    generator = torch.Generator("cpu").manual_seed(spec.get("seed", 7))

    start = 0
    if "strength" in spec:
        start = max(steps - min(int(steps * spec["strength"]), steps), 0) * scheduler.order
    middle_index = max(start, len(timesteps) // 2)
    middle = timesteps[middle_index : middle_index + 1]
    noise = torch.randn(1, *shape, generator=generator)
    clean = pattern(noise.numel(), 3, 1).reshape(noise.shape)
    add_noise = getattr(scheduler, "add_noise", None) or (lambda clean, noise, at: scheduler.scale_noise(clean, at, noise))
    # Left to itself, diffusers takes the second of two equal timesteps.
    begin = getattr(scheduler, "set_begin_index", lambda index: None)
    begin(middle_index)
    noisy = add_noise(clean, noise, middle)
    begin(start)
    if start:
        sample = add_noise(clean, noise, timesteps[start : start + 1])
    else:
        sample = noise * getattr(scheduler, "init_noise_sigma", 1.0)

    previous, originals, draws, path = [], [], [], []
    if name == "dpmpp-sde":
        record_path(scheduler, noise, path)
    options = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    if "eta" in spec:
        options["eta"] = spec["eta"]
    scaled_by = getattr(scheduler, "scale_model_input", lambda sample, timestep: sample)
    for index, timestep in enumerate(timesteps[start:], start):
        output = network(scaled_by(sample, timestep), index, spec["config"])
        before = generator.get_state()
        result = scheduler.step(output, timestep, sample, **options)
        is_path = name == "dpmpp-sde" and index < len(timesteps) - 1
        draws.append(is_path or not torch.equal(before, generator.get_state()))
        output = output[:, : sample.shape[1]]
        original = original_of(name, scheduler, index, output, timestep, sample, result)
        sample = result["prev_sample"]
        previous.append(sample.numpy().ravel())
        originals.append(original.numpy().ravel())
    assert np.isfinite(previous).all(), (name, spec)

    golden = {
        **spec,
        "timestepsOut": timesteps.double().tolist(),
        "startIndex": start,
        "initNoiseSigma": float(getattr(scheduler, "init_noise_sigma", 1.0)),
        "needsNoise": draws,
        "addNoise": {"timestep": float(middle[0]), "noisy": packed(noisy)},
        "prevSamples": packed(previous),
        "predOriginalSamples": packed(originals),
    }
    if hasattr(scheduler, "sigmas"):
        golden["sigmas"] = packed(scheduler.sigmas[: len(timesteps) + 1])
    if path:
        golden["noises"] = packed(torch.cat(path))
    if is_final:
        golden["inert"] = list(inert_keys(name, spec, golden))
    return golden


def numbers(packed_values):
    return np.frombuffer(base64.b64decode(packed_values), "<f4")


def settled(name, spec, is_final=True):
    """The run, and if PyTorch's last bits show in it, the one without them."""
    own = run(name, spec, is_final)
    with ExactFunctions():
        exact = {**run(name, spec, is_final=False), **({"inert": own["inert"]} if is_final else {})}
    apart = 0.0
    for part in ("sigmas", "prevSamples", "predOriginalSamples", "noises"):
        if part in own:
            rows = len(own["timestepsOut"]) - own["startIndex"] if part in ("prevSamples", "predOriginalSamples") else 1
            wanted, values = (numbers(golden[part]).reshape(rows, -1) for golden in (exact, own))
            apart = max(apart, (abs(values - wanted).max(1) / abs(wanted).max(1)).max())
    return own if apart <= MAX_APART else {**exact, "apart": float(f"{apart:.2g}")}


def model_run(name, config, steps):
    """One run under a model's own file, or why diffusers has none."""
    if name not in ("ddpm", "dpmpp-2m", "dpm-singlestep"):
        # Pipelines cut off a learned variance before these classes see it.
        config = {key: value for key, value in config.items() if key != "variance_type"}
    spec = {"config": config, "steps": steps, "shape": MODEL_SHAPE}
    try:
        golden = settled(name, spec, is_final=False)
    except AssertionError:
        return {"steps": steps, "failure": "not finite"}
    except Exception as error:
        return {"steps": steps, "failure": f"{type(error).__name__}"}
    return {
        "steps": steps,
        "timesteps": packed(golden["timestepsOut"]),
        **{key: golden[key] for key in ("sigmas", "prevSamples", "noises", "apart") if key in golden},
    }


def model_runs(name, files):
    for file, config in files.items():
        yield {"file": file, "runs": [model_run(name, config, steps) for steps in MODEL_STEPS]}


def brownian(spec):
    """Increments of one path; torchsde as DPMSolverSDEScheduler sets it up."""
    from diffusers.schedulers.scheduling_dpmsolver_sde import BatchedBrownianTree

    tree = BatchedBrownianTree(torch.zeros(spec["length"]), spec["start"], spec["end"], spec["seed"])
    return {**spec, "values": packed(torch.cat([tree(*span) for span in spec["spans"]]))}


BROWNIAN = [
    {"seed": 7, "start": 0.029167, "end": 14.614647, "length": 20, "spans": [[0.029167, 14.614647], [1.5, 14.614647], [0.4, 1.5], [0.123456, 0.123457], [5.0, 5.000001]]},
    {"seed": 2**53 - 1, "start": 0.0, "end": 1.0, "length": 5, "spans": [[0.0, 0.5], [0.25, 0.75], [0.1, 0.9]]},
]


def noise(spec):
    generator = torch.Generator("cpu").manual_seed(spec["seed"])
    drawn = [torch.randn(count, generator=generator) for count in spec["counts"]]
    return {**spec, "values": packed(torch.cat(drawn))}


def schedule(config):
    alphas_cumprod = diffusers.DDPMScheduler.from_config(config).alphas_cumprod
    return {"config": config, "alphasCumprod": packed(alphas_cumprod)}


def write(name, entries, indent=1):
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    # Python's -Infinity is no JSON; the reader of a configuration knows it, so do the tests.
    separators = None if indent else (",", ":")
    text = json.dumps({"madeBy": "models/golden_schedulers.py", **versions, "entries": entries}, indent=indent, separators=separators)
    (GOLDEN / f"{name}.json").write_text(text + "\n")


def option_names(name):
    """What the class's configuration knows."""
    parameters = inspect.signature(getattr(diffusers, CLASSES[name]).__init__).parameters
    return {"name": name, "keys": sorted(set(parameters) - {"self"})}


def main():
    warnings.simplefilter("ignore")
    diffusers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    (GOLDEN / "models").mkdir(parents=True, exist_ok=True)
    files = json.loads(MODEL_FILES.read_text())
    for name, cases in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        write(name, [settled(name, spec) for spec in cases])
        write(f"models/{name}", list(model_runs(name, files)), indent=None)
    write("noise", [noise(spec) for spec in NOISE])
    write("brownian", [brownian(spec) for spec in BROWNIAN])
    write("schedules", [schedule(config) for config in SCHEDULES])
    write("options", [option_names(name) for name in CLASSES])


if __name__ == "__main__":
    main()
