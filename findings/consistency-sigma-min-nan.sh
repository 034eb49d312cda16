#!/usr/bin/env bash
# One would guess: the sigma_min of a consistency model's sampler is any small positive number, 0.002 or 0.009.
# What happens: CMStochasticIterativeScheduler takes the root of sigma² − sigma_min² at its last step, sigma being sigma_min
#   in float32: where its square rounds below the other, that is NaN, and so is the whole picture, of one step, too (there
#   the noise is zeros, and NaN times zero is NaN). A quarter of the values from 0.00025 to 0.1 do it, 0.009, 0.018 and
#   0.0105 among them; the default, 0.002, rounds up.
# Versions: diffusers 0.42.1 (torch 2.13.0).
# Who meets it: whoever trains or distils a consistency model with a sigma_min of their own and samples it with diffusers;
#   ports that copy the formula.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import sys

import diffusers
import torch
from diffusers import CMStochasticIterativeScheduler


def is_finite(sigma_min, steps):
    """Whether a picture of a network that answers with a third of its input has numbers in it."""
    scheduler = CMStochasticIterativeScheduler(sigma_min=sigma_min)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(1, 1, 8, 8, generator=generator) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = scheduler.scale_model_input(sample, t) / 3
        sample = scheduler.step(output, t, sample, generator=generator).prev_sample
    return bool(torch.isfinite(sample).all())


print("diffusers", diffusers.__version__, "torch", torch.__version__)
found = {(s, n): is_finite(s, n) for s in (0.002, 0.009, 0.0105, 0.018) for n in (1, 2)}
for (sigma_min, steps), finite in found.items():
    print(f"sigma_min {sigma_min}, {steps} step(s): {'numbers' if finite else 'NaN'}")
values = [i / 4000 for i in range(1, 401)]
lost = sum(not is_finite(value, 1) for value in values)
print(f"NaN for {lost} of {len(values)} values up to 0.1")
holds = all(finite == (s == 0.002) for (s, _), finite in found.items()) and lost > 50
sys.exit(0 if holds else 1)
PYTHON
