"""Makes the golden runs of whole pipelines that the TypeScript tests compare against, with diffusers' own.

    python golden_pipelines.py            all cases, into packages/runtime/test/golden-pipelines/

Each case is a JSON file of `options` as `generate` takes them, with the names of the NPY files beside it: the levels of
the image, the mask and the control pictures, the given noise, the latents that another case's run handed over, the sample
before the VAE. Image i has a generator of its
own, seeded seed + i. One thing is not diffusers': in pixel space, for which diffusers has no such pipelines, the loops
are written out below. A plan in the options is kept by `reused`, which lets a module compute at every n-th call only.
A case is refused if it answers a change of 1e-6 in the Unet's first weights
by more than TOO_TENDER: rounding would then decide what comes out.
"""

from __future__ import annotations

import argparse
import operator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import diffusers
import numpy as np
import torch
from transformers import CLIPTokenizer

import fixtures
from export import write_json
from golden import SCHEDULERS as GOLDEN_SCHEDULERS
from golden import TOO_TENDER

HERE = Path(__file__).parent
SCHEDULERS = {**GOLDEN_SCHEDULERS, "heun": "HeunDiscreteScheduler"}
OUT = HERE.parent / "packages" / "runtime" / "test" / "golden-pipelines"


@dataclass(frozen=True)
class Case:
    """One run: the model, `generate`'s options, and which pictures to hand in, by size in pixels."""

    model: str
    options: dict
    image: tuple[int, int] | None = None
    masked: bool = False
    controls: int = 0  # control pictures
    reused: tuple[str, int] | None = None  # a module's path in the pipeline, and how often it computes
    given_noise: bool = False
    latents: str | None = None  # the case whose sample is gone on from
    decode: bool = False


PROMPT = "a red boat on the sea at night"


def cases() -> dict[str, Case]:
    """Every case by its name."""
    image = (16, 16)
    found = {
        "lcm": Case("tiny-lcm-ts", dict(prompt=PROMPT, numInferenceSteps=4, guidanceScale=8.5), decode=True),
        "lcm-original-steps": Case(
            "tiny-lcm-ts",
            dict(prompt=PROMPT, seed=3, numInferenceSteps=6, guidanceScale=2.0, originalInferenceSteps=20),
            given_noise=True,
        ),
        "sdxl": Case("tiny-sdxl-ts", dict(prompt=PROMPT, numInferenceSteps=8, guidanceScale=5.0), decode=True),
        "sdxl-negative": Case(
            "tiny-sdxl-ts",
            dict(prompt=PROMPT, negativePrompt="a green house", seed=1, numInferenceSteps=6, guidanceScale=5.0),
        ),
        "sdxl-sizes": Case(
            "tiny-sdxl-ts",
            dict(
                prompt="two boats", seed=2, numInferenceSteps=6, guidanceScale=4.0, height=24, width=40,
                originalSize=[48, 32], cropsCoordsTopLeft=[3, 5], targetSize=[20, 60],
            ),
        ),
        "sdxl-second-texts": Case(
            "tiny-sdxl-ts",
            dict(
                prompt=PROMPT, prompt2="a blue bird", negativePrompt="a cat", negativePrompt2="the sun", seed=6,
                numInferenceSteps=6, guidanceScale=5.0, guidanceRescale=0.7, negativeOriginalSize=[9, 12],
                negativeCropsCoordsTopLeft=[2, 1], negativeTargetSize=[30, 20],
            ),
        ),
        "guidance-rescale": Case(
            "tiny-sd-image-ts",
            dict(prompt=PROMPT, numImagesPerPrompt=2, numInferenceSteps=6, guidanceScale=6.0, guidanceRescale=0.6),
        ),
        "size": Case(
            "tiny-sd-image-ts", dict(prompt=PROMPT, numInferenceSteps=8, guidanceScale=4.0, height=32, width=24)
        ),
        "size-dynamo": Case(
            "tiny-sd-dynamo", dict(prompt=PROMPT, numInferenceSteps=8, guidanceScale=4.0, height=40, width=48)
        ),
        "prompts": Case(
            "tiny-sd-image-ts",
            dict(
                prompt=[PROMPT, "a blue bird in a tree"], negativePrompt=["the sun", "a cat"], seed=5,
                numImagesPerPrompt=2, numInferenceSteps=6, guidanceScale=4.0, scheduler="ddpm",
            ),
        ),
    }  # fmt: skip
    text = dict(prompt=PROMPT, numInferenceSteps=10, guidanceScale=4.0)
    found |= conditioned_cases(dict(text, numInferenceSteps=6))
    found |= xl_cases(dict(prompt=PROMPT, numInferenceSteps=8))
    for scheduler, strength in (
        ("ddim", 0.6), ("pndm", 0.55), ("euler", 0.8), ("euler-ancestral", 1.0), ("dpmpp-2m", 0.3), ("ddpm", 0.5),
    ):  # fmt: skip
        options = dict(text, scheduler=scheduler, strength=strength)
        found[f"image-{scheduler}"] = Case("tiny-sd-image-ts", dict(options, seed=7), image)
        found[f"mask-{scheduler}"] = Case("tiny-sd-image-ts", dict(options, seed=8), image, masked=True)
        found[f"pixels-image-{scheduler}"] = Case("tiny-text-ts", dict(options, seed=9), image)
        found[f"pixels-mask-{scheduler}"] = Case("tiny-text-ts", dict(options, seed=10), image, masked=True)
    found["image-wide"] = Case("tiny-sd-image-ts", dict(text, strength=0.5, seed=1), (16, 32), given_noise=True)
    # latents of 20 × 12 in tiles of 8 × 8, both ways
    found["tiles"] = Case(
        "tiny-sd-image-ts",
        dict(text, numInferenceSteps=8, strength=0.5, seed=3, vaeTiling=True),
        (40, 24),
        decode=True,
    )
    found["mask-all-steps"] = Case("tiny-sd-image-ts", dict(text, scheduler="euler", seed=4), image, masked=True)
    return found


def every(units: str, steps: int) -> dict:
    """A plan that lets units compute at every n-th step only."""
    rule = dict(units=[units], action="reuse", refresh={"every": steps})
    return {"format": "phaseskip-plan", "version": 1, "phases": [], "rules": [rule]}


def xl_cases(text: dict) -> dict[str, Case]:
    """Stable Diffusion XL from an image, and from its base to its refiner; latent consistency models from an image."""
    base, refiner, lcm, image = "tiny-sdxl-ts", "tiny-refiner-ts", "tiny-lcm-ts", (16, 16)
    crops = dict(originalSize=[30, 20], cropsCoordsTopLeft=[3, 5], negativeOriginalSize=[9, 12], negativeTargetSize=[7, 8])
    mid = ("unet.mid_block", 2)
    return {
        "sdxl-image": Case(base, dict(text, seed=21, numInferenceSteps=12), image),
        "sdxl-image-sizes": Case(base, dict(text, seed=22, strength=0.6, negativePrompt="the sun", **crops), image),
        "sdxl-mask": Case(base, dict(text, seed=23), image, masked=True),
        "sdxl-mask-handover": Case(
            base, dict(text, seed=24, guidanceScale=3.0, denoisingStart=0.3, denoisingEnd=0.8), image, masked=True
        ),
        "sdxl-base": Case(base, dict(text, seed=25, denoisingEnd=0.7, guidanceScale=4.0)),
        "sdxl-image-base": Case(base, dict(text, seed=33, strength=0.7, denoisingEnd=0.6), image),
        "sdxl-refiner": Case(refiner, dict(text, seed=26, denoisingStart=0.6), latents="sdxl-image-base"),
        "sdxl-refiner-scores": Case(
            refiner,
            dict(text, seed=27, strength=0.5, aestheticScore=7.5, negativeAestheticScore=1.0, numImagesPerPrompt=2, **crops),
            image,
        ),
        "sdxl-refiner-strength": Case(refiner, dict(text, seed=28, strength=0.4), latents="sdxl-image"),
        "sdxl-refiner-plan": Case(
            refiner, dict(text, seed=29, denoisingStart=0.6, numInferenceSteps=12, plan=every("mid_block", 2)),
            latents="sdxl-image-base", reused=mid,
        ),
        "sdxl-refiner-heun": Case(
            refiner, dict(text, seed=30, denoisingStart=0.6, scheduler="heun"), latents="sdxl-image-base"
        ),
        "lcm-image": Case(lcm, dict(prompt=PROMPT, seed=31), image),
        "lcm-image-steps": Case(
            lcm, dict(prompt=PROMPT, seed=32, numInferenceSteps=3, strength=0.45, originalInferenceSteps=20), image
        ),
    }  # fmt: skip


def conditioned_cases(text: dict) -> dict[str, Case]:
    """Unets that read more than the sample, and ControlNets."""
    inpaint, pix2pix, upscale = "tiny-inpaint-ts", "tiny-pix2pix-ts", "tiny-upscale-ts"
    image, control = (16, 16), "tiny-control-ts"
    masked = dict(image=image, masked=True)
    mid = ("unet.mid_block", 2)
    both = [{"scale": 0.7, "end": 0.7}, {"scale": 1.3, "start": 0.3}]
    return {
        "inpaint": Case(inpaint, dict(text, seed=1), **masked),
        "inpaint-ancestral": Case(
            inpaint, dict(text, seed=2, scheduler="euler-ancestral", numInferenceSteps=10, strength=0.7), **masked
        ),
        "inpaint-plan": Case(
            inpaint, dict(text, seed=3, scheduler="ddim", plan=every("mid_block", 2)), reused=mid, **masked
        ),
        "pix2pix": Case(pix2pix, dict(text, seed=4, imageGuidanceScale=1.6), image),
        "pix2pix-negative": Case(
            pix2pix, dict(text, seed=5, scheduler="ddpm", negativePrompt="the sun", imageGuidanceScale=1.0), image
        ),
        "pix2pix-unguided": Case(pix2pix, dict(text, seed=6, guidanceScale=5.0, imageGuidanceScale=0.9), image),
        "pix2pix-plan": Case(
            pix2pix, dict(text, seed=7, plan=every("mid_block", 2), imageGuidanceScale=1.5), image, reused=mid
        ),
        "upscale": Case(upscale, dict(text, seed=8, noiseLevel=20), (8, 8)),
        "upscale-ddpm": Case(upscale, dict(text, seed=9, scheduler="ddpm", noiseLevel=200), (12, 8)),
        "upscale-plan": Case(
            upscale, dict(text, seed=10, plan=every("mid_block", 2), noiseLevel=30), (8, 8), reused=mid
        ),
        "control": Case(control, dict(text, seed=11, control=[{"scale": 0.8}]), controls=1),
        "control-two": Case(control, dict(text, seed=12, scheduler="euler", numInferenceSteps=10, control=both), controls=2),
        "control-guess": Case(
            control, dict(text, seed=13, guessMode=True, scheduler="ddim", control=[{"scale": 1.0}]), controls=1
        ),
        "control-plan": Case(
            control, dict(text, seed=14, plan=every("controlnet_0", 3), scheduler="ddim", control=[{}]), controls=1,
            reused=("controlnet", 3),
        ),
    }  # fmt: skip


def picture(size: tuple[int, int], seed: int) -> np.ndarray:
    """Levels of a smooth picture with some noise, `[3, height, width]`, 0 to 255."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (2 + c) + y / (5 - c)) for c in range(3)]
    noise = np.random.default_rng(seed).normal(0, 20, (3, height, width))
    return np.clip(np.round(128 + 80 * np.stack(waves) + noise), 0, 255).astype(np.float32)


def mask_levels(size: tuple[int, int]) -> np.ndarray:
    """A mask with levels on both sides of mid-grey, `[height, width]`, 0 to 255."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    return np.where(x + y // 2 > width * 0.6, 140 + (x + y) % 100, (3 * x + y) % 120).astype(np.float32)


def make_pipeline(parts, case: Case):
    """diffusers' pipeline for the case."""
    name = case.options.get("scheduler")
    config = fixtures.SCHEDULERS[parts.fixture.scheduler]
    scheduler = getattr(diffusers, SCHEDULERS.get(name, config["_class_name"])).from_config(config)
    folder = HERE / case.model
    parts.vae.use_tiling = case.options.get("vaeTiling", False)
    modules = dict(vae=parts.vae, unet=parts.unet, scheduler=scheduler, text_encoder=parts.text_encoder)
    if parts.text_encoder is not None:
        modules["tokenizer"] = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    if parts.fixture.kind == "sdxl":
        modules["tokenizer_2"] = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        kind = diffusers.StableDiffusionXLPipeline
        if case.image:
            suffix = "Inpaint" if case.masked else "Img2Img"
            kind = getattr(diffusers, f"StableDiffusionXL{suffix}Pipeline")
        return kind(**modules, text_encoder_2=parts.text_encoder_2, add_watermarker=False)
    if parts.fixture.kind == "refiner":
        modules |= dict(tokenizer=None, text_encoder_2=parts.text_encoder_2)
        modules["tokenizer_2"] = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        return diffusers.StableDiffusionXLImg2ImgPipeline(**modules, **fixtures.REFINER, add_watermarker=False)
    unsafe = dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    kind = {
        "lcm": diffusers.LatentConsistencyModelPipeline,
        "sd": diffusers.StableDiffusionPipeline,
        "inpaint": diffusers.StableDiffusionInpaintPipeline,
        "pix2pix": diffusers.StableDiffusionInstructPix2PixPipeline,
        "upscale": diffusers.StableDiffusionUpscalePipeline,
    }[parts.fixture.kind]
    if parts.fixture.kind == "upscale":
        low = diffusers.DDPMScheduler.from_config(fixtures.LOW_RES_SCHEDULER)
        return kind(**modules, low_res_scheduler=low, safety_checker=None, feature_extractor=None)
    if case.controls:
        networks = parts.controlnets[: case.controls]
        modules["controlnet"] = networks[0] if case.controls == 1 else diffusers.MultiControlNetModel(networks)
        return diffusers.StableDiffusionControlNetPipeline(**modules, **unsafe)
    if case.image and parts.fixture.kind == "lcm":
        kind = diffusers.LatentConsistencyModelImg2ImgPipeline
    if case.image and parts.fixture.kind == "sd":
        kind = diffusers.StableDiffusionInpaintPipeline if case.masked else diffusers.StableDiffusionImg2ImgPipeline
    return kind(**modules, **unsafe)


def generators(case: Case, count: int) -> list[torch.Generator]:
    """One for each image."""
    return [torch.Generator().manual_seed(case.options.get("seed", 0) + i) for i in range(count)]


SNAKE = {
    "prompt": "prompt",
    "negativePrompt": "negative_prompt",
    "numInferenceSteps": "num_inference_steps",
    "numImagesPerPrompt": "num_images_per_prompt",
    "guidanceScale": "guidance_scale",
    "height": "height",
    "width": "width",
    "strength": "strength",
    "originalInferenceSteps": "original_inference_steps",
    "originalSize": "original_size",
    "cropsCoordsTopLeft": "crops_coords_top_left",
    "targetSize": "target_size",
    "prompt2": "prompt_2",
    "negativePrompt2": "negative_prompt_2",
    "guidanceRescale": "guidance_rescale",
    "negativeOriginalSize": "negative_original_size",
    "negativeCropsCoordsTopLeft": "negative_crops_coords_top_left",
    "negativeTargetSize": "negative_target_size",
    "imageGuidanceScale": "image_guidance_scale",
    "noiseLevel": "noise_level",
    "guessMode": "guess_mode",
    "denoisingStart": "denoising_start",
    "denoisingEnd": "denoising_end",
    "aestheticScore": "aesthetic_score",
    "negativeAestheticScore": "negative_aesthetic_score",
}


@dataclass
class Inputs:
    """Pictures and noise of a case, as tensors of batch 1."""

    image: torch.Tensor | None = None  # levels
    mask: torch.Tensor | None = None  # levels
    noise: torch.Tensor | None = None
    latents: torch.Tensor | None = None
    controls: list[torch.Tensor] = field(default_factory=list)  # levels
    files: dict[str, np.ndarray] = field(default_factory=dict)


def make_inputs(case: Case, parts, out: Path) -> Inputs:
    """The pictures of a case, from seeds."""
    inputs = Inputs()
    size = case.image
    if size:
        inputs.files["image"] = picture(size, seed=len(case.model))
        inputs.image = torch.from_numpy(inputs.files["image"])[None]
    if case.masked:
        inputs.files["mask"] = mask_levels(size)
        inputs.mask = torch.from_numpy(inputs.files["mask"])[None, None]
    for i in range(case.controls):
        side = 2 * parts.fixture.size
        levels = inputs.files[f"control{i}"] = picture((side, side), seed=100 + i)
        inputs.controls.append(torch.from_numpy(levels)[None])
    if case.latents:
        inputs.latents = torch.from_numpy(np.load(out / f"{case.latents}.sample.npy"))
    if case.given_noise:
        side = parts.fixture.size
        height, width = (size[0] // 2, size[1] // 2) if size else (side, side)
        noise = torch.randn((1, 4, height, width), generator=torch.Generator().manual_seed(77))
        inputs.noise, inputs.files["initNoise"] = noise, noise.numpy()
    return inputs


def run_pipeline(case: Case, parts, inputs: Inputs) -> torch.Tensor:
    """diffusers' own loop."""
    pipeline = make_pipeline(parts, case)
    pipeline.set_progress_bar_config(disable=True)
    prompts = case.options["prompt"]
    count = (1 if isinstance(prompts, str) else len(prompts)) * case.options.get("numImagesPerPrompt", 1)
    arguments = {SNAKE[key]: value for key, value in case.options.items() if key in SNAKE}
    for key in arguments:
        if key.endswith(("_size", "_top_left")):
            arguments[key] = tuple(arguments[key])
    arguments["generator"] = generators(case, count)
    if inputs.image is not None:
        arguments["image"] = inputs.image / 255
    if inputs.latents is not None:
        arguments["image"] = inputs.latents
    if inputs.mask is not None:
        arguments["mask_image"] = inputs.mask / 255
        arguments["height"], arguments["width"] = case.image
    module = type(pipeline).__module__
    patches = []
    if inputs.controls:
        arguments |= control_arguments(case, inputs)
    if case.reused:
        path, often = case.reused
        patches.append(reused(operator.attrgetter(path)(pipeline), often))
    if inputs.noise is not None and inputs.image is None:
        arguments["latents"] = inputs.noise
    elif inputs.noise is not None:
        patches.append(patch(f"{module}.randn_tensor", lambda *_, **__: inputs.noise))
    for one in patches:
        one.start()
    try:
        return pipeline(**arguments, output_type="latent").images
    finally:
        for one in patches:
            one.stop()


def control_arguments(case: Case, inputs: Inputs) -> dict:
    """What a pipeline with ControlNets takes: lists where there are several."""
    names = {
        "scale": ("controlnet_conditioning_scale", 1.0),
        "start": ("control_guidance_start", 0.0),
        "end": ("control_guidance_end", 1.0),
    }
    lists = {name: [one.get(key, unsaid) for one in case.options["control"]] for key, (name, unsaid) in names.items()}
    lists["image"] = [levels / 255 for levels in inputs.controls]
    return {name: values if case.controls > 1 else values[0] for name, values in lists.items()}


def reused(module: torch.nn.Module, often: int):
    """Lets a module compute at every n-th call only; between them it gives what it gave last."""
    forward, kept = module.forward, SimpleNamespace(calls=0, value=None)

    def forward_or_kept(*args, **keywords):
        if kept.calls % often == 0:
            kept.value = forward(*args, **keywords)
        kept.calls += 1
        return kept.value

    return patch.object(module, "forward", forward_or_kept)


def run_in_pixels(case: Case, parts, inputs: Inputs) -> torch.Tensor:
    """The same without a VAE."""
    from tokenizers import Tokenizer

    options = case.options
    config = fixtures.SCHEDULERS[parts.fixture.scheduler]
    scheduler = getattr(diffusers, SCHEDULERS[options["scheduler"]]).from_config(config)
    count, strength = options["numInferenceSteps"], options["strength"]
    scheduler.set_timesteps(count)
    start = count - int(count * strength)
    timesteps = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    tokenizer = Tokenizer.from_file(str(HERE / case.model / "tokenizer" / "tokenizer.json"))

    def embed(text: str) -> torch.Tensor:
        return parts.text_encoder(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state

    contexts = [embed(options["prompt"]), embed("")]
    [generator] = generators(case, 1)
    original = inputs.image / 255 * 2 - 1
    noise = torch.randn(original.shape, generator=generator)
    if inputs.mask is not None and strength == 1:
        sample = noise * scheduler.init_noise_sigma
    else:
        sample = scheduler.add_noise(original, noise, timesteps[:1])
    extra = {} if options["scheduler"] in ("ddim", "pndm") else {"generator": generator}
    for i, t in enumerate(timesteps):
        entering = scheduler.scale_model_input(sample, t)
        cond, uncond = (parts.unet(entering, t.long(), text, return_dict=False)[0] for text in contexts)
        output = uncond + options["guidanceScale"] * (cond - uncond)
        sample = scheduler.step(output, t, sample, **extra, return_dict=False)[0]
        if inputs.mask is not None:
            known = original
            if i + 1 < len(timesteps):
                known = scheduler.add_noise(original, noise, timesteps[i + 1 : i + 2])
            sample = torch.where(inputs.mask >= 127.5, sample, known)
    return sample


@torch.no_grad()
def make_case(name: str, case: Case, parts, out: Path) -> None:
    """Writes one case."""
    inputs = make_inputs(case, parts, out)
    run = run_in_pixels if parts.vae is None else run_pipeline
    sample = run(case, parts, inputs)
    weights = parts.unet.conv_in.weight
    kept = weights.data.clone()
    weights.data += 1e-6 * kept.std() * torch.randn(kept.shape, generator=torch.Generator().manual_seed(99))
    nudged = run(case, parts, inputs)
    weights.data = kept
    tender = float((nudged - sample).abs().max() / sample.std())
    if not sample.isfinite().all() or tender > TOO_TENDER:
        raise SystemExit(f"{name}: a change of 1e-6 moves the sample by {tender:.1e} of its deviation")
    files = {**inputs.files, "sample": sample.numpy()}
    if case.decode:
        files["picture"] = parts.vae.decode(sample / parts.vae.config.scaling_factor).sample.numpy()
    record = {"model": case.model, "options": case.options}
    if case.latents:
        record["latents"] = f"{case.latents}.sample.npy"
    for key, values in files.items():
        record[key] = f"{name}.{key}.npy"
        np.save(out / record[key], np.ascontiguousarray(values.astype("<f4")))
    write_json(out / f"{name}.json", record)
    print(f"{name}: 1e-6 of weights moves it by {tender:.1e}", flush=True)


def main() -> None:
    """Makes the cases whose names begin with the argument."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="?", default="")
    parser.add_argument("--out", type=Path, default=OUT)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    settings.out.mkdir(parents=True, exist_ok=True)
    built = {}
    for name, case in cases().items():
        if name.startswith(settings.prefix):
            if case.model not in built:
                built[case.model] = fixtures.build(case.model)
            make_case(name, case, built[case.model], settings.out)


if __name__ == "__main__":
    main()
