"""Makes the golden runs that the TypeScript tests compare against, with PyTorch and diffusers.

    python golden.py              all cases, into packages/runtime/test/golden/

Each case is a JSON file (the arguments of `phaseskip generate`, the plan, the timesteps, file names)
and its sample as NPY; noise that a case is given lies beside it. Seeds are read as the pipelines of
diffusers do: one CPU generator draws the initial noise, then the steps' noise. `macs.json` holds
multiply-adds and parameters for each module, `network-macs.json` those of the other networks. A case is refused if its sample does not depend on its
plan, or if it answers a change of 1e-6 in the noise by more than TOO_TENDER.
"""

from __future__ import annotations

import argparse
import inspect
from dataclasses import dataclass
from pathlib import Path

import diffusers
import numpy as np
import torch

import fixtures
from export import write_json
from hooks import Kept, PlannedUnet

HERE = Path(__file__).parent
OUT = HERE.parent / "packages" / "runtime" / "test" / "golden"
TOO_TENDER = 1e-4  # of the sample's standard deviation

SCHEDULERS = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "dpmpp-2m": "DPMSolverMultistepScheduler",
    "pndm": "PNDMScheduler",
    "lcm": "LCMScheduler",
}


def plan(name: str, rules: list[dict], guidance: list[dict] | None = None, border: int = 600) -> dict:
    """A plan of two phases that meet at the timestep `border`."""
    composition = {"name": "composition", "from": 1000, "to": border}
    denoising = {"name": "denoising", "from": border, "to": 0}
    made = {"format": "phaseskip-plan", "version": 1, "name": name, "phases": [composition, denoising]}
    made["rules"] = rules
    if guidance:
        made["guidance"] = guidance
    return made


def reuse(units: list[str], refresh, *phases: str) -> dict:
    """A rule that reuses outputs."""
    return {"units": units, "phases": list(phases), "action": "reuse", "refresh": refresh}


def zero(unit: str, *phases: str, **extra) -> dict:
    """A rule that puts zeros in place of one unit."""
    return {"units": [unit], "phases": list(phases), "action": "zero", **extra}


BOTH = ("composition", "denoising")
DEEP_CACHE = plan("deep-cache", [reuse(["up_blocks.1"], {"every": 3}, *BOTH)])
DEEP_CACHE_LATE = plan("deep-cache-late", [reuse(["up_blocks.1"], {"every": 3}, "denoising")])
FIRST_UP = plan("first-up", [reuse(["up_blocks.0"], {"every": 3}, *BOTH)])
FASTER = plan("faster-diffusion", [reuse(["mid_block", "**.skip"], {"at": [0, 1, 2, 5, 8, 12, 16]}, *BOTH)])
GATE = plan("gate", [reuse(["**.attn2"], "never", "denoising")])
GATE_SOON = plan("gate", [reuse(["**.attn2"], "never", "denoising")], border=900)
ZERO_MID_EARLY = plan("zero-mid-early", [zero("mid_block", "composition")])
ZERO_MID_LATE = plan("zero-mid-late", [zero("mid_block", "denoising")])
ZERO_SKIP_EARLY = plan("zero-skip-early", [zero("up_blocks.1.resnets.0.skip", "composition")])
ZERO_SKIP_LATE = plan("zero-skip-late", [zero("up_blocks.1.resnets.1.skip", "denoising", contexts=["uncond"])])
ZERO_RESNET = plan("zero-resnet", [zero("down_blocks.1.resnets.0", "denoising")])
GUIDANCE_OFF = plan("guidance-off", [], [{"phases": ["denoising"], "action": "off"}])
OVERRIDE = plan(
    "override",
    [
        reuse(["**.attn2", "up_blocks.0"], {"every": 4}, *BOTH),
        {"units": ["up_blocks.0"], "phases": ["composition"], "action": "run"},
        reuse(["up_blocks.1.resnets.0.skip"], {"every": 2}, "denoising"),
    ],
)


@dataclass(frozen=True)
class Case:
    """One run, by the arguments of `phaseskip generate`."""

    model: str
    plan: dict | None = None
    prompt: str = "a red boat on the sea at night"
    seed: int = 0
    steps: int = 20
    scheduler: str | None = None
    guidance: float = 4.0
    given_noise: bool = True
    decode: bool = False


def cases() -> dict[str, Case]:
    """Every case by its name."""
    found = {}

    def add(model: str, label: str, **arguments) -> None:
        found[f"{model}.{label}"] = Case(model, **arguments)

    for model in ("tiny-text-ts", "tiny-text-dynamo"):
        add(model, "full")
        for made in (
            DEEP_CACHE, DEEP_CACHE_LATE, FASTER, GATE, ZERO_MID_EARLY, ZERO_MID_LATE, ZERO_SKIP_EARLY,
            ZERO_SKIP_LATE, ZERO_RESNET, GUIDANCE_OFF, OVERRIDE,
        ):  # fmt: skip
            add(model, made["name"], plan=made)
        for scheduler in ("ddim", "euler", "dpmpp-2m"):
            add(model, scheduler, scheduler=scheduler, seed=3, given_noise=False)
            add(model, f"{scheduler}-deep-cache", scheduler=scheduler, plan=DEEP_CACHE)
    for scheduler in ("ddpm", "euler-ancestral", "pndm"):
        add("tiny-text-ts", scheduler, scheduler=scheduler, seed=5, given_noise=False)
    add("tiny-text-ts", "ddpm-given", scheduler="ddpm", seed=5, plan=FASTER)
    add("tiny-text-ts", "unguided", guidance=1.0, plan=GATE)
    # its batch of 2 holds both contexts, where a plan does the same to both
    add("tiny-text-ts-static", "full")
    for made in (DEEP_CACHE, GATE):
        add("tiny-text-ts-static", made["name"], plan=made)
    for model in ("tiny-sd-ts", "tiny-sd-dynamo"):
        add(model, "full", decode=True)
        add(model, "seed", seed=11, given_noise=False, prompt="Two boats, housing a cat & a dog!")
        for made in (FIRST_UP, FASTER, GATE_SOON, ZERO_MID_EARLY, ZERO_SKIP_LATE, GUIDANCE_OFF):
            add(model, made["name"], plan=made, scheduler="ddim")
        for scheduler in ("ddim", "euler", "dpmpp-2m"):
            add(model, scheduler, scheduler=scheduler, seed=3, given_noise=False)
    for model in ("tiny-ddpm-ts", "tiny-ddpm-dynamo-static"):
        add(model, "full")
        add(model, "seed", seed=2, given_noise=False)
        for made in (DEEP_CACHE, FASTER, ZERO_MID_LATE, ZERO_SKIP_EARLY):
            add(model, made["name"], plan=made, seed=2, given_noise=False)
        add(model, "deep-cache-given", plan=DEEP_CACHE)
        for scheduler in ("ddim", "euler", "dpmpp-2m"):
            add(model, scheduler, scheduler=scheduler, seed=3, given_noise=False)
    return found


def encode(parts, model: str, text: str) -> torch.Tensor:
    """Prompt → the text encoder's last hidden state, `[1, token, channel]`."""
    folder = HERE / model / "tokenizer"
    if (folder / "tokenizer.json").exists():
        from tokenizers import Tokenizer

        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
        unknown = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id("[UNK]")
        if unknown in ids:
            raise ValueError(f"{text!r} has a word that the vocabulary lacks")
    else:
        from transformers import CLIPTokenizer

        tokenizer = CLIPTokenizer.from_pretrained(folder)
        ids = tokenizer(text, padding="max_length", truncation=True, max_length=fixtures.LENGTH).input_ids
    return parts.text_encoder(torch.tensor([ids])).last_hidden_state


def make_scheduler(parts, name: str | None):
    """The model's scheduler, or another class from the same config, as diffusers' `from_config` does."""
    config = fixtures.SCHEDULERS[parts.fixture.scheduler]
    return getattr(diffusers, SCHEDULERS.get(name, config["_class_name"])).from_config(config)


@torch.no_grad()
def sample(case: Case, parts, noise: torch.Tensor | None, nudge: float = 0.0, decisions: dict | None = None):
    """Runs the case: the final sample, the timesteps, how often each unit of the plan was computed.

    What adaptive units decided at each step goes into `decisions`.
    """
    scheduler = make_scheduler(parts, case.scheduler)
    scheduler.set_timesteps(case.steps)
    timesteps = [float(t) for t in scheduler.timesteps]
    generator = torch.Generator("cpu").manual_seed(case.seed)
    config = parts.unet.config
    shape = (1, config.in_channels, config.sample_size, config.sample_size)
    latent = torch.randn(shape, generator=generator) if noise is None else noise
    latent = latent + nudge * torch.randn(shape, generator=torch.Generator().manual_seed(99))
    latent = latent * scheduler.init_noise_sigma

    contexts = {"cond": ()}
    if parts.text_encoder is not None:
        contexts = {"cond": (encode(parts, case.model, case.prompt),)}
        if case.guidance > 1:
            contexts["uncond"] = (encode(parts, case.model, ""),)
    unet = PlannedUnet(parts.unet, case.plan or {}, timesteps, scheduler.config.num_train_timesteps)
    accepts = inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if "generator" in accepts else {}
    both, deltas = None, []
    try:
        for step, t in enumerate(scheduler.timesteps):
            unet.run.step = step
            entering = scheduler.scale_model_input(latent, t)
            handed = t if parts.fixture.timestep.is_floating_point() else t.long()  # truncates
            outputs = {}
            is_guided = "uncond" in contexts and unet.runs_both(step, both)
            for context, text in contexts.items():
                if context == "uncond" and not is_guided:
                    continue
                unet.run.context = context
                outputs[context] = parts.unet(entering, handed, *text, return_dict=False)[0]
            output = outputs["cond"]
            _, rule = unet.guidance_at(step)
            weight = rule.get("scale", case.guidance)
            if is_guided:
                both = step
                deltas.insert(0, Kept(outputs["uncond"] - output, None, step, timesteps[step]))
                output = outputs["uncond"] + weight * (output - outputs["uncond"])
            elif rule.get("action") == "delta" and "uncond" in contexts:
                factors = unet.forecast(rule, deltas) if "values" in rule else [1.0]
                base = output + sum(f * kept.value for f, kept in zip(factors, deltas))
                output = base + weight * (output - base)
            latent = scheduler.step(output, t, latent, **extra, return_dict=False)[0]
    finally:
        unet.restore()
    if decisions is not None:
        decisions.update(unet.run.decisions)
    return latent, timesteps, unet.run.computed


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference over the standard deviation of `b`."""
    return float((a - b).abs().max() / b.std())


def write_npy(path: Path, values: torch.Tensor) -> str:
    """float32, C order; returns the file's name."""
    np.save(path, np.ascontiguousarray(values.numpy().astype("<f4")))
    return path.name


def make_case(name: str, case: Case, parts, full: dict, out: Path) -> float:
    """Writes one case and returns how much a change of 1e-6 in the noise moves it."""
    noise = None
    config = parts.unet.config
    if case.given_noise:
        shape = (1, config.in_channels, config.sample_size, config.sample_size)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(1000 + parts.fixture.seed))
    result, timesteps, computed = sample(case, parts, noise)
    nudged, _, _ = sample(case, parts, noise, nudge=1e-6)
    tender = distance(nudged, result)
    if not result.isfinite().all() or tender > TOO_TENDER:
        raise SystemExit(f"{name}: a change of 1e-6 moves the sample by {tender:.1e} of its deviation")
    key = (case.model, case.scheduler, case.seed, case.given_noise, case.guidance)
    if case.plan is not None:
        if key not in full:
            full[key], _, _ = sample(Case(**{**vars(case), "plan": None}), parts, noise)
        moved = distance(result, full[key])
        if moved < 1e-2:
            raise SystemExit(f"{name}: the plan moves the sample by {moved:.1e} of its deviation only")
    record = {
        "model": case.model,
        "prompt": case.prompt if parts.text_encoder is not None else None,
        "seed": case.seed,
        "numInferenceSteps": case.steps,
        "scheduler": case.scheduler,
        "guidanceScale": case.guidance if parts.text_encoder is not None else None,
        "plan": case.plan,
        "timesteps": timesteps,
        "computed": computed,
        "sample": write_npy(out / f"{name}.npy", result),
    }
    record["initNoise"] = write_npy(out / f"{case.model}.noise.npy", noise) if noise is not None else None
    if case.decode:
        with torch.no_grad():
            image = parts.vae.decode(result / parts.vae.config.scaling_factor).sample
        record["image"] = write_npy(out / f"{name}.image.npy", image)
    write_json(out / f"{name}.json", record)
    return tender


def count_flops(module, call):
    """torch's counter after a call; attention is plain products, as its fused kernel is not always counted."""
    from diffusers.models.attention_processor import AttnProcessor
    from torch.utils.flop_counter import FlopCounterMode

    for part in module.modules():
        if hasattr(part, "set_processor"):
            part.set_processor(AttnProcessor())
    if hasattr(module, "set_attn_implementation"):
        module.set_attn_implementation("eager")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return counter


def count_macs(unet, arguments: tuple) -> dict[str, dict[str, int]]:
    """Multiply-adds (batch 1) and parameters of every module that has any, from torch's counter."""
    counter = count_flops(unet, lambda: unet(*arguments))
    root = type(unet).__name__
    units = {}
    modules = dict(unet.named_modules())
    for path, counts in counter.get_flop_counts().items():
        if path != "Global" and path != root:
            unit = path.removeprefix(f"{root}.")
            parameters = sum(p.numel() for p in modules[unit].parameters())
            units[unit] = {"macs": sum(counts.values()) // 2, "parameters": parameters}
    parameters = sum(p.numel() for p in unet.parameters())
    return {"": {"macs": counter.get_total_flops() // 2, "parameters": parameters}, **units}


def unet_arguments(unet, tokens: int) -> tuple:
    """One call's inputs at batch 1."""
    config = unet.config
    inputs = [torch.randn(1, config.in_channels, config.sample_size, config.sample_size), torch.tensor(500)]
    if config.get("cross_attention_dim"):
        inputs.append(torch.randn(1, tokens, config.cross_attention_dim))
    return tuple(inputs)


def make_macs(out: Path) -> None:
    """Writes `macs.json`: model → unit → counts; the unit "" is the whole Unet."""
    found = {}
    for name in ("tiny-text-ts", "tiny-text-dynamo", "tiny-ddpm-ts", "tiny-sd-ts"):
        unet = fixtures.build(name).unet
        found[name] = count_macs(unet, unet_arguments(unet, fixtures.LENGTH))
    config = diffusers.UNet2DConditionModel.load_config(HERE / "scenes" / "unet")
    unet = diffusers.UNet2DConditionModel.from_config(config)
    found["scenes"] = count_macs(unet, unet_arguments(unet, 40))
    write_json(out / "macs.json", found)


def make_network_macs(out: Path) -> None:
    """Writes `network-macs.json`: model → network beside the Unet → multiply-adds of one text or picture."""
    found = {}
    for name in ("tiny-text-ts", "tiny-text-dynamo", "tiny-sd-ts", "tiny-sd-image-ts", "tiny-sdxl-ts"):
        parts = fixtures.build(name)
        size, ids = parts.fixture.size, torch.ones(1, fixtures.LENGTH, dtype=torch.long)
        calls = {
            "text_encoder": (parts.text_encoder, lambda: parts.text_encoder(ids)),
            "text_encoder_2": (parts.text_encoder_2, lambda: parts.text_encoder_2(ids)),
            "vae_decoder": (parts.vae, lambda: parts.vae.decode(torch.randn(1, 4, size, size))),
        }
        if parts.fixture.encodes:
            calls["vae_encoder"] = (parts.vae, lambda: parts.vae.encode(torch.randn(1, 3, 2 * size, 2 * size)))
        found[name] = {
            network: count_flops(module, call).get_total_flops() // 2
            for network, (module, call) in calls.items()
            if module is not None
        }
    write_json(out / "network-macs.json", found)


def main() -> None:
    """Makes the cases whose names begin with the argument."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="?", default="")
    parser.add_argument("--out", type=Path, default=OUT)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    settings.out.mkdir(parents=True, exist_ok=True)
    full, built = {}, {}
    for name, case in cases().items():
        if name.startswith(settings.prefix):
            if case.model not in built:
                built[case.model] = fixtures.build(case.model)
            tender = make_case(name, case, built[case.model], full, settings.out)
            print(f"{name}: 1e-6 of noise moves it by {tender:.1e}", flush=True)
    if not settings.prefix:
        make_macs(settings.out)
        make_network_macs(settings.out)


if __name__ == "__main__":
    main()
