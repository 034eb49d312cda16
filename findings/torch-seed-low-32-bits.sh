#!/usr/bin/env bash
# One would guess: torch.Generator takes 64-bit seeds, so two seeds give two noises.
# What happens: on the CPU only the low 32 bits count. Seeds 5 and 5 + 2^32 give one picture, and -1 is 2^32 - 1, though
#   initial_seed() still reports the whole seed.
# Versions: torch 2.13.0.
# Who meets it: interfaces that draw 64-bit seeds and store them beside pictures; ports of torch.randn to JavaScript that
#   mix all 53 bits of a seed into the generator and so draw other noise for large seeds.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import sys

import numpy as np
import torch


def noise(seed):
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(1, 4, 64, 64, generator=generator), generator.initial_seed()


print("torch", torch.__version__, "numpy", np.__version__)
holds = True
for one, other, same in [(5, 5 + 2**32, True), (5, 5 + 7 * 2**32, True), (-1, 2**32 - 1, True), (5, 6, False)]:
    (a, seed_a), (b, seed_b) = noise(one), noise(other)
    equal = torch.equal(a, b)
    print(f"seeds {one} and {other} (initial_seed {seed_a} and {seed_b}): the same noise: {equal}")
    holds &= equal == same
    holds &= seed_a != seed_b

# Control: NumPy's Mersenne Twister takes whole seeds, where these are given as a SeedSequence.
a, b = (np.random.Generator(np.random.MT19937(seed)).standard_normal(4) for seed in (5, 5 + 2**32))
print("NumPy's MT19937 of both seeds: the same noise:", np.array_equal(a, b))
holds &= not np.array_equal(a, b)
sys.exit(0 if holds else 1)
PYTHON
