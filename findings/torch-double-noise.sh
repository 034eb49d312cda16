#!/usr/bin/env bash
# One would guess: a seed's noise is a sequence of numbers, which a dtype only rounds.
# What happens: in half precision and in bfloat16 it is the float32 noise, rounded. In double precision it is other noise,
#   without correlation: that kernel takes 53 random bits for each uniform number, not 24.
# Versions: torch 2.13.0, CPU.
# Who meets it: reference pictures made in double precision to judge a port, "the same seed" and all else equal.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import sys

import torch


def noise(dtype):
    return torch.randn(1, 4, 64, 64, generator=torch.Generator("cpu").manual_seed(7), dtype=dtype)


print("torch", torch.__version__)
single = noise(torch.float32)
holds = True
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    other = noise(dtype)
    rounded = torch.equal(single.to(dtype), other)
    correlation = torch.corrcoef(torch.stack([single.flatten().double(), other.flatten().double()]))[0, 1].item()
    print(f"{dtype}: the float32 noise rounded: {rounded}; correlation with it {correlation:.4f}")
    holds &= (not rounded and abs(correlation) < 0.05) if dtype is torch.float64 else (rounded and correlation > 0.999)
sys.exit(0 if holds else 1)
PYTHON
