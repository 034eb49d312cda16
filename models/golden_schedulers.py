"""Writes the golden values of packages/scheduler from diffusers and PyTorch.

    python models/golden_schedulers.py

Needs torch 2.13.0, diffusers 0.42.1 and numpy 2.4.6 on x86-64 with AVX2. The files land in
packages/scheduler/test/golden/, one for each sampler beside `schedules.json` (noise schedules)
and `noise.json` (seeded noise). Arrays are base64 of little-endian float32.

Each case runs a whole trajectory of one image with a network that is simple enough to be the
same, bit for bit, in every language (see `network`).
"""

import base64
import json
import pathlib

import diffusers
import numpy as np
import torch

GOLDEN = pathlib.Path(__file__).parent.parent / "packages/scheduler/test/golden"
CLASSES = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "dpmpp-2m": "DPMSolverMultistepScheduler",
    "pndm": "PNDMScheduler",
    "lcm": "LCMScheduler",
}
SHAPE = [3, 2, 4]

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
    if scheduler.config.prediction_type == "v_prediction":
        return signal * sample - noise * output
    return (sample - noise * output) / signal


def inert_keys(name, spec):
    """Keys of the configuration that can be left out without a change."""
    defaults = getattr(diffusers, CLASSES[name])().config
    known = {key: value for key, value in defaults.items() if not key.startswith("_")}
    # diffusers keeps a Karras range for DPM-Solver although its class does not know the keys.
    effective = {*known, "sigma_min", "sigma_max", "_use_default_values"}
    for key, value in spec["config"].items():
        if key in spec.get("inert", ()) or key not in effective or value == known.get(key, ...):
            yield key


def run(name, spec):
    scheduler = getattr(diffusers, CLASSES[name]).from_config(spec["config"])
    if spec.get("timesteps"):
        scheduler.set_timesteps(timesteps=spec["timesteps"])
        steps = len(spec["timesteps"])
    else:
        scheduler.set_timesteps(spec["steps"])
        steps = spec["steps"]
    timesteps = scheduler.timesteps
    shape = spec.get("shape", SHAPE)
    generator = torch.Generator("cpu").manual_seed(spec.get("seed", 7))

    start = 0
    if "strength" in spec:
        start = max(steps - min(int(steps * spec["strength"]), steps), 0)
    middle = timesteps[max(start, len(timesteps) // 2) :][:1]
    noise = torch.randn(1, *shape, generator=generator)
    clean = pattern(noise.numel(), 3, 1).reshape(noise.shape)
    noisy = scheduler.add_noise(clean, noise, middle)
    if hasattr(scheduler, "set_begin_index"):
        # Left to itself, diffusers begins at the second of two equal timesteps and runs past the end.
        scheduler.set_begin_index(start)
    if start:
        sample = scheduler.add_noise(clean, noise, timesteps[start : start + 1])
    else:
        sample = noise * scheduler.init_noise_sigma

    previous, originals, draws = [], [], []
    options = {} if name in ("dpmpp-2m", "pndm") else {"generator": generator}
    if "eta" in spec:
        options["eta"] = spec["eta"]
    for index, timestep in enumerate(timesteps[start:], start):
        output = network(scheduler.scale_model_input(sample, timestep), index, spec["config"])
        before = generator.get_state()
        result = scheduler.step(output, timestep, sample, **options)
        draws.append(not torch.equal(before, generator.get_state()))
        if name == "dpmpp-2m":
            original = scheduler.model_outputs[-1]
        elif name == "pndm":
            original = original_by_pndm(scheduler, output, timestep, sample)
        else:
            original = result["denoised" if name == "lcm" else "pred_original_sample"]
        sample = result["prev_sample"]
        previous.append(sample.numpy().ravel())
        originals.append(original.numpy().ravel())
    assert np.isfinite(previous).all(), (name, spec)

    golden = {
        **spec,
        "inert": list(inert_keys(name, spec)),
        "timestepsOut": timesteps.double().tolist(),
        "startIndex": start,
        "initNoiseSigma": float(scheduler.init_noise_sigma),
        "needsNoise": draws,
        "addNoise": {"timestep": float(middle[0]), "noisy": packed(noisy)},
        "prevSamples": packed(previous),
        "predOriginalSamples": packed(originals),
    }
    if hasattr(scheduler, "sigmas"):
        golden["sigmas"] = packed(scheduler.sigmas)
    return golden


def noise(spec):
    generator = torch.Generator("cpu").manual_seed(spec["seed"])
    drawn = [torch.randn(count, generator=generator) for count in spec["counts"]]
    return {**spec, "values": packed(torch.cat(drawn))}


def schedule(config):
    alphas_cumprod = diffusers.DDPMScheduler.from_config(config).alphas_cumprod
    return {"config": config, "alphasCumprod": packed(alphas_cumprod)}


def write(name, entries):
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    # Python's -Infinity is no JSON; the reader of a configuration knows it, so do the tests.
    text = json.dumps({"madeBy": "models/golden_schedulers.py", **versions, "entries": entries}, indent=1)
    (GOLDEN / f"{name}.json").write_text(text + "\n")


def main():
    torch.set_num_threads(1)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, cases in CASES.items():
        write(name, [run(name, spec) for spec in cases])
    write("noise", [noise(spec) for spec in NOISE])
    write("schedules", [schedule(config) for config in SCHEDULES])


if __name__ == "__main__":
    main()
