#!/usr/bin/env bash
# One would guess: torch.randn_like(latents) depends on the seed and the shape; channels_last is a matter of speed.
# What happens: a latent in channels_last gets other noise altogether, neither torch.randn's nor a permutation of it, as
#   another kernel fills it. The same tensor made contiguous gets the noise of torch.randn.
# Versions: torch 2.13.0, CPU.
# Who meets it: who follows diffusers' advice to put a Unet or VAE in channels_last, whose outputs then are, and draws the
#   noise for img2img or an ancestral step with randn_like; who compares a port with such a run.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import sys

import torch

print("torch", torch.__version__)
torch.manual_seed(0)
image = torch.rand(1, 3, 32, 32)
encoder = torch.nn.Conv2d(3, 4, 3, padding=1)


def noise_of(latents):
    torch.manual_seed(7)
    return torch.randn_like(latents)


with torch.no_grad():
    plain = encoder(image)
    last = encoder.to(memory_format=torch.channels_last)(image)
same_values = torch.allclose(plain, last, atol=1e-6)
torch.manual_seed(7)
drawn = torch.randn(plain.shape)
print("the encoder's outputs agree:", same_values, "; strides", plain.stride(), "and", last.stride())
a, b, c = noise_of(plain), noise_of(last), noise_of(last.contiguous())
print("noise of the contiguous latents is torch.randn's:", torch.equal(a, drawn))
print("noise of the channels_last latents is:", torch.equal(b, drawn))
permuted = torch.equal(a.flatten().sort().values, b.flatten().sort().values)
print("or a permutation of it:", permuted)
print("made contiguous first it is:", torch.equal(c, drawn))
holds = same_values and torch.equal(a, drawn) and not torch.equal(b, drawn) and not permuted and torch.equal(c, drawn)
sys.exit(0 if holds else 1)
PYTHON
