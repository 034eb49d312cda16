"""Samples pictures from a model in float32: guided DDIM or DPM-Solver++, and grids of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from PIL import Image
from torch import nn

from scenes_data.vocabulary import encode, tokenize

SAMPLERS = {"ddim": DDIMScheduler, "dpmpp-2m": DPMSolverMultistepScheduler, "ddpm": DDPMScheduler}


def make_scheduler(name: str, config: dict | Path):
    """The named sampler from a scheduler config (a dict, or the JSON file that holds it)."""
    values = json.loads(config.read_text()) if isinstance(config, Path) else config
    return SAMPLERS[name].from_config({k: v for k, v in values.items() if k != "_class_name"})


def encode_prompts(prompts: list[str], vocabulary: dict[str, int]) -> torch.Tensor:
    """Tokens int64 ``[prompts, 40]``."""
    return torch.tensor([encode(tokenize(prompt), vocabulary) for prompt in prompts])


@torch.no_grad()
def sample(
    unet: nn.Module,
    text: nn.Module | None,
    scheduler,
    tokens: torch.Tensor | None,
    noise: torch.Tensor,
    steps: int,
    guidance: float = 3.0,
    generator: torch.Generator | None = None,
    watch: Callable[[torch.Tensor], object] | None = None,
) -> torch.Tensor:
    """Samples float ``[batch, 3, size, size]``, not clamped. ``tokens`` None: an unconditional model.

    ``watch`` is handed the predicted clean sample of each step, by samplers that tell it: DDIM and DDPM.
    """
    scheduler.set_timesteps(steps)
    x = noise * scheduler.init_noise_sigma
    hidden = None
    if tokens is not None:
        empty = torch.tensor([encode([])] * len(tokens), device=tokens.device)
        hidden = text(torch.cat([empty, tokens])).last_hidden_state
    options = {"generator": generator} if isinstance(scheduler, DDPMScheduler) else {}
    for timestep in scheduler.timesteps:
        if hidden is None:
            output = unet(x, timestep).sample
        else:
            uncond, cond = unet(torch.cat([x, x]), timestep, hidden).sample.chunk(2)
            output = uncond + guidance * (cond - uncond)
        step = scheduler.step(output, timestep, x, **options)
        x = step.prev_sample
        if watch is not None:
            watch(step.pred_original_sample)
    return x


def to_uint8(samples: torch.Tensor) -> np.ndarray:
    """Samples in [-1, 1] as uint8 ``[batch, size, size, 3]``, clamped and rounded."""
    return (samples.float().cpu().clamp(-1, 1) * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def save_grid(pictures: np.ndarray, columns: int, file: Path, zoom: int = 4) -> None:
    """A PNG with the pictures in rows, each pixel ``zoom`` pixels wide, a dark line of one pixel between."""
    framed = np.pad(pictures, ((0, 0), (0, 1), (0, 1), (0, 0)))
    rows = [np.concatenate(list(framed[i : i + columns]), 1) for i in range(0, len(framed), columns)]
    image = Image.fromarray(np.concatenate(rows))
    file.parent.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST).save(file)
