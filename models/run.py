"""One training run: a step, a checkpoint, the averaged networks, a grid of samples. ``train.py`` drives it."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from torch import nn

import scenes_data
from batches import Batches
from beside import Conditioned, control_network, masked
from networks import build_networks, compute_device, save_networks, scheduler_config, warm_start
from presets import Preset
from sampling import encode_prompts, make_scheduler, sample, save_grid, to_uint8

#: Prompts of the progress grids.
PROMPTS = (
    "a house with a red roof in the middle on grass at day with a sun on the left",
    "a boat with a purple sail on the right on the sea at sunset",
    "a snowman with a green scarf on the left and a pine tree on the right on snow at night with stars",
    "a castle with blue roofs in the middle on sand at dawn with mountains",
    "a pink tree on the left and a red car on the right on grass at day with a rainbow",
    "a cactus on the left on sand at night with a moon on the right",
    "three yellow tents on sand at sunset",
    "a yellow flower in the middle on grass at sunset with a sun on the right and hills",
    "a red ship on the left on the sea at night with a moon on the right",
    "a windmill with mountains by day",
    "a big house with a blue roof in the snow at night in falling snow",
    "a red hot air balloon on the left over the hills",
    "an orange tree on the right on grass in autumn at dawn",
    "two boats with white sails on the sea at sunset with a sun on the left",
    "a red lighthouse on the right on the ocean at dawn with clouds on the left",
    "a penguin",
)

#: Series of the pictures that progress grids of what stands beside a model begin from.
EXAMPLES_SEED = 5005


@dataclass(frozen=True)
class Settings:
    """Settings of one run. Of ``steps`` and ``minutes`` the one used up first ends it; 0 is no bound."""

    preset: str = "scenes"
    out: str = "runs/scenes"
    data: str = ""
    init: str = ""
    minutes: float = 0.0
    steps: int = 0
    seed: int = 0
    batch: int = 0
    learning_rate: float = 0.0
    device: str = "auto"
    threads: int = 2
    checkpoint_minutes: float = 5.0
    sample_minutes: float = 10.0
    log_steps: int = 50


class Run:
    """One training run: networks, their averages, the optimizer, and where it stands."""

    def __init__(self, preset: Preset, settings: Settings):
        torch.manual_seed(settings.seed)
        self.preset, self.settings = preset, settings
        self.folder = Path(settings.out)
        self.device = compute_device(settings.device)
        data = Path(settings.data) if settings.data else None
        self.batches = Batches(preset, settings.seed, preset.batch, data)
        self.unet, self.text = build_networks(preset, self.batches.vocabulary)
        if settings.init:
            warm_start(Path(settings.init), self.unet, self.text, self.batches.vocabulary)
        self.control = control_network(self.unet) if preset.beside == "lines" else None
        parts = [part.to(self.device) for part in (self.unet, self.text, self.control) if part is not None]
        trained = {"lines": [self.control], "mask": [self.unet]}.get(preset.beside, parts)
        for part in parts:
            part.train(part in trained).requires_grad_(part in trained)
        self.networks = trained
        self.parameters = [p for network in self.networks for p in network.parameters()]
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(
            self.parameters, preset.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        # Elsewhere a CPU emulates it, at a twentieth of float32's speed.
        self.has_bfloat16 = self.device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
        alphas = DDPMScheduler.from_config(scheduler_config(preset)).alphas_cumprod
        self.alphas_cumprod = alphas.to(self.device)
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self.loss = math.nan
        self.workers = settings.threads if self.device.type == "cpu" else 1
        self.pool = ThreadPoolExecutor(self.workers)
        if (self.folder / "checkpoint.pt").exists():
            self._restore()

    @property
    def progress(self) -> float:
        """The share of the budget that is used, in [0, 1]."""
        by_steps = self.step / self.settings.steps if self.settings.steps else 0.0
        by_minutes = self.seconds / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return min(1.0, max(by_steps, by_minutes))

    def advance(self) -> None:
        """One optimizer step on the next pictures of the series."""
        started = time.monotonic()
        rate = self.preset.learning_rate * min(1.0, (self.step + 1) / self.preset.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        value = self._set_gradients(*self.batches.get(self.pictures))
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        decay = min(self.preset.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        self.step += 1
        self.pictures += self.preset.batch
        self.loss = value if math.isnan(self.loss) else 0.99 * self.loss + 0.01 * value
        self.seconds += time.monotonic() - started

    def _set_gradients(
        self, images: torch.Tensor, tokens: torch.Tensor | None, beside: torch.Tensor | None
    ) -> float:
        """The batch's loss; its gradients go to the parameters.

        Each CPU thread takes a slice of the batch through forward and backward by itself: that is a
        quarter faster than threads that share every operation, and suffers less from other programs.
        """
        count = len(images)
        random = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        # Timesteps evenly spread over the batch, from a random start: less noise than independent ones.
        share = (torch.rand(1, generator=random) + torch.randperm(count, generator=random) / count) % 1
        timesteps = (share * len(self.alphas_cumprod)).long()
        noise = torch.randn(images.shape, generator=random)
        slices = torch.arange(count).chunk(self.workers)

        def slice_gradients(part: torch.Tensor) -> tuple[torch.Tensor, ...]:
            values = [v if v is None else v[part].to(self.device) for v in (images, tokens, beside, noise, timesteps)]
            loss = self._errors(*values).sum() / count
            return (loss.detach(), *torch.autograd.grad(loss, self.parameters))

        results = list(self.pool.map(slice_gradients, slices))
        loss, *gradients = [sum(parts) for parts in zip(*results, strict=True)]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss.item()

    def _errors(
        self,
        images: torch.Tensor,
        tokens: torch.Tensor | None,
        beside: torch.Tensor | None,
        noise: torch.Tensor,
        timesteps: torch.Tensor,
    ) -> torch.Tensor:
        """The weighted squared error of each picture, ``[batch]``."""
        alpha = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * images + (1 - alpha).sqrt() * noise
        with torch.autocast(self.device.type, torch.bfloat16, self.has_bfloat16):
            if self.text is None:
                output = self.unet(noisy, timesteps).sample
            else:
                unet = self._conditioned(images, beside)
                output = unet(noisy, timesteps, self.text(tokens).last_hidden_state).sample
        velocity = self.preset.prediction_type == "v_prediction"
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * images if velocity else noise
        errors = (output.float() - target).square().mean((1, 2, 3))
        if self.preset.min_snr is None:
            return errors
        snr = (alpha / (1 - alpha)).flatten()
        if velocity:
            return errors * snr.clamp(self.preset.snr_floor, self.preset.min_snr) / (snr + 1)
        return errors * snr.clamp(max=self.preset.min_snr) / snr

    def _conditioned(self, images: torch.Tensor, beside: torch.Tensor | None) -> nn.Module | Conditioned:
        """The Unet, with what the preset reads beside a picture where it reads anything."""
        if beside is None:
            return self.unet
        return Conditioned(self.unet, self.control, beside if self.control is not None else masked(images, beside))

    def _examples(self) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
        """Sixteen pictures that training never sees, what is read beside them, and their captions."""
        batches = Batches(replace(self.preset, caption_dropout=0.0), EXAMPLES_SEED, 16)
        images, _, beside = batches.get(0)
        captions = scenes_data.pictures(EXAMPLES_SEED, 0, 16, self.preset.size)[1]
        return images.to(self.device), beside.to(self.device), captions

    def swap_average(self) -> None:
        """Exchanges the networks' weights with their averages; called twice it changes nothing."""
        for parameter, average in zip(self.parameters, self.average, strict=True):
            kept = parameter.detach().clone()
            parameter.data.copy_(average)
            average.copy_(kept)

    def save(self) -> None:
        """Writes the checkpoint and the averaged networks; a kill at any moment leaves whole files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "checkpoint.partial"
        torch.save(
            {
                "networks": [network.state_dict() for network in self.networks],
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "pictures": self.pictures,
                "seconds": self.seconds,
                "loss": self.loss,
            },
            partial,
        )
        os.replace(partial, self.folder / "checkpoint.pt")
        name = f"ema-{self.step}"
        self.export(self.folder / name)
        link = self.folder / "ema.partial"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        os.replace(link, self.folder / "ema")
        for old in self.folder.glob("ema-*"):
            if old.name != name:
                shutil.rmtree(old)

    def export(self, folder: Path) -> None:
        """Writes the averaged networks in float32."""
        record = {
            "preset": self.preset.name,
            "pictures_seen": self.pictures,
            "steps": self.step,
            "hours": round(self.seconds / 3600, 3),
            "hardware": str(self.device) if self.device.type == "cuda" else f"{self.settings.threads} CPU threads",
            "warm_start": bool(self.settings.init),
            "loss": round(self.loss, 5),
        }
        self.swap_average()
        save_networks(folder, self.preset, self.unet, self.text, self.batches.vocabulary, record, self.control)
        self.swap_average()

    def _restore(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        for network, weights in zip(self.networks, state["networks"], strict=True):
            network.load_state_dict(weights)
        for average, kept in zip(self.average, state["average"], strict=True):
            average.copy_(kept)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.pictures = state["step"], state["pictures"]
        self.seconds, self.loss = state["seconds"], state["loss"]

    def draw_samples(self) -> None:
        """A grid of sixteen samples of the averaged networks, always from the same noise."""
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn((16, 3, self.preset.size, self.preset.size), generator=generator).to(self.device)
        tokens, prompts, unet = None, PROMPTS, self.unet
        if self.preset.beside:
            images, drawn, prompts = self._examples()
            unet = self._conditioned(images, drawn)
        if self.text is not None:
            tokens = encode_prompts(list(prompts), self.batches.vocabulary).to(self.device)
        self.swap_average()
        for network in self.networks:
            network.eval()
        scheduler = make_scheduler("ddim", scheduler_config(self.preset))
        samples = sample(unet, self.text, scheduler, tokens, noise, steps=25)
        for network in self.networks:
            network.train()
        self.swap_average()
        if self.preset.beside:
            shown = drawn.expand_as(images) * 2 - 1
            samples = torch.stack([images, shown, samples], 1).flatten(0, 1)
        save_grid(to_uint8(samples), 12 if self.preset.beside else 8, self.folder / f"samples-{self.step:06d}.png")
