#!/usr/bin/env bash
# One would guess: a square root is what IEEE 754 says, the nearest number, on every machine: NumPy's and a browser's are.
# What happens: on x86-64 PyTorch takes float32 roots from a vector library, and a sixth of them are one last bit off. Where
#   a sampler subtracts two nearly equal squares, that is magnified: ancestral steps over a wide range of noise go down to
#   another sigma than their formula says, by thousandths.
# Versions: torch 2.13.0, CPU, x86-64 (the numbers of another processor may be others).
# Who meets it: ports of samplers that are held to PyTorch's numbers; diffusers' KDPM2 ancestral in few steps.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import sys

import numpy as np
import torch

values = torch.rand(100_000, generator=torch.Generator().manual_seed(1)) * 100
nearest = np.sqrt(values.double().numpy()).astype(np.float32)
numpy_off = (np.sqrt(values.numpy()) != nearest).mean()
torch_off = (torch.sqrt(values).numpy() != nearest).mean()
print("torch", torch.__version__, torch.backends.cpu.get_cpu_capability(), "numpy", np.__version__)
print(f"roots that are not the nearest float32: numpy {numpy_off:.1%}, torch {torch_off:.1%}")


def down(first, last, root):
    """Where an ancestral step goes down to, as diffusers' KDPM2AncestralDiscreteScheduler takes it."""
    up = root(last**2 * (first**2 - last**2) / first**2)
    return root(last**2 - up**2)


last = torch.linspace(0.03, 1, 1000)
first = torch.full_like(last, 14.6)
own = down(first, last, torch.sqrt).double().numpy()
rounded = down(first.numpy(), last.numpy(), np.sqrt).astype(np.float64)
apart = np.abs(own / rounded - 1)
print(f"sigma down from 14.6, torch beside numpy, same float32 formula: up to {apart.max():.1e} apart, median {np.median(apart):.1e}")
sys.exit(0 if numpy_off == 0 and torch_off > 0.05 and apart.max() > 1e-3 else 1)
PYTHON
