"""Trains a preset, and goes on where it was killed: run the same command again.

    python train.py --preset scenes --out runs/scenes --minutes 120
    python train.py --preset emoji --data pictures/emoji --out runs/emoji --minutes 60 --device cuda

The run folder holds ``checkpoint.pt`` (all that resuming needs), ``ema`` (a link to the averaged
networks of the last checkpoint, as ``save_networks`` writes them), ``final`` when the budget is used,
``log.jsonl`` and ``samples-*.png``. Pictures, noise, timesteps and dropped captions are functions of
(seed, step), so a resumed run with a budget in steps ends in the same weights as one never stopped; a
budget in minutes counts training time only, over all resumptions.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import fields, replace

import torch

from presets import PRESETS
from run import Run, Settings


def train(settings: Settings) -> Run:
    """Trains until the budget is used; leaves checkpoint, ``final`` and a last grid in the run folder."""
    if not settings.steps and not settings.minutes:
        raise ValueError("Cannot train without an end: give --steps or --minutes")
    preset = PRESETS[settings.preset]
    preset = replace(
        preset,
        batch=settings.batch or preset.batch,
        learning_rate=settings.learning_rate or preset.learning_rate,
    )
    run = Run(preset, settings)
    if run.device.type == "cpu":
        torch.set_num_threads(1)  # inside each of the run's own threads
        # The fused kernel's backward pass is slower than plain matrix products at these sizes.
        torch.backends.cuda.enable_flash_sdp(False)
    saved = drawn = time.monotonic()
    while run.progress < 1:
        run.advance()
        if run.step % settings.log_steps == 0:
            _log(run)
        now = time.monotonic()
        if now - saved > 60 * settings.checkpoint_minutes:
            run.save()
            saved = now
        if now - drawn > 60 * settings.sample_minutes:
            run.draw_samples()
            drawn = now
    run.save()
    run.export(run.folder / "final")
    run.draw_samples()
    return run


def _log(run: Run) -> None:
    row = {
        "step": run.step,
        "seconds": round(run.seconds, 1),
        "loss": round(run.loss, 5),
        "rate": f"{run.optimizer.param_groups[0]['lr']:.2e}",
        "pictures_per_second": round(run.pictures / run.seconds, 1),
    }
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


def parse_settings(arguments: list[str] | None = None) -> Settings:
    """Settings from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Settings):
        default = field.default
        choices = list(PRESETS) if field.name == "preset" else None
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(default), default=default, choices=choices
        )
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    train(parse_settings())
