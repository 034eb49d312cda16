#!/usr/bin/env bash
# One would guess: UniPC's two variants, solver_type "bh1" and "bh2", differ by little; diffusers' documentation
#   recommends bh1 for unconditional sampling below 10 steps.
# What happens: with the default final_sigmas_type "zero", bh1 makes the last step NaN, all pixels, at every number of steps,
#   without a word: its B(h) is the step in log-SNR, which is infinite there, times a zero. predict_x0=False does the same.
#   DPMSolverMultistepScheduler refuses such a pair of options. final_sigmas_type "sigma_min" makes both work.
# Versions: diffusers 0.42.1 (torch 2.13.0).
# Who meets it: who follows that recommendation; black pictures from a sampler that "does not work with this model".
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import sys

import diffusers
import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler

TRAINED = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def draw(scheduler_class, steps, **options):
    """Draws from Gaussian data of deviation 0.5, whose exact noise prediction is known."""
    scheduler = scheduler_class(**TRAINED, **options)
    scheduler.set_timesteps(steps)
    sample = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for t in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod[t].item()
        noise = (1 - alpha) ** 0.5 / (0.25 * alpha + 1 - alpha) * sample
        sample = scheduler.step(noise, t, sample).prev_sample
    return sample


print("diffusers", diffusers.__version__, "torch", torch.__version__)
cases = [
    (dict(solver_type="bh2"), False),
    (dict(solver_type="bh1"), True),
    (dict(solver_type="bh2", predict_x0=False), True),
    (dict(solver_type="bh1", final_sigmas_type="sigma_min"), False),
    (dict(solver_type="bh2", predict_x0=False, final_sigmas_type="sigma_min"), False),
]
holds = True
for options, lost in cases:
    for steps in (5, 10, 25):
        sample = draw(UniPCMultistepScheduler, steps, **options)
        share = sample.isnan().float().mean().item()
        print(options, f"{steps} steps: {share:.0%} NaN, standard deviation {sample.std().item():.3f}")
        holds &= share == (1 if lost else 0)
try:
    draw(DPMSolverMultistepScheduler, 10, algorithm_type="dpmsolver")
    holds = False
except ValueError as error:
    print("control, DPM-Solver that predicts noise:", error)
sys.exit(0 if holds else 1)
PYTHON
