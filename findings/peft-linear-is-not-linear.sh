#!/usr/bin/env bash
# One would guess: add_weighted_adapter(["a", "b"], [0.5, 0.5], combination_type="linear") is the linear combination of what
#   the two LoRAs do: 0.5 B1 A1 + 0.5 B2 A2, which is also what set_adapters applies.
# What happens: the factors are combined, not the products: (B1 + B2)(A1 + A2) / 2 has cross terms B1 A2 and B2 A1, as large
#   as the rest. "cat" is exact; "svd" is exact where its rank is enough, which at its default it is not.
# Versions: peft 0.21.2 (torch 2.13.0). The maintainers know it (huggingface/peft issue 643); the reference of
#   add_weighted_adapter does not say it.
# Who meets it: who mixes two styles of Stable Diffusion to ship as one file, and compares with loading both.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 peft==0.21.2 transformers==5.23.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import sys

import peft
import torch
from peft import LoraConfig, get_peft_model

torch.manual_seed(0)
RANK = 4
config = lambda: LoraConfig(r=RANK, lora_alpha=RANK, target_modules=["0"])
model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(64, 64, bias=False)), config(), adapter_name="a")
model.add_adapter("b", config())
layer = model.base_model.model[0]
for name in "ab":
    torch.nn.init.normal_(layer.lora_A[name].weight)
    torch.nn.init.normal_(layer.lora_B[name].weight)


def delta(name):
    return (layer.lora_B[name].weight @ layer.lora_A[name].weight).detach() * layer.scaling[name]


def distance(name, wanted):
    return ((delta(name) - wanted).norm() / wanted.norm()).item()


print("peft", peft.__version__, "torch", torch.__version__)
half = (delta("a") + delta("b")) / 2
cases = {"linear": {}, "cat": {}, "svd": {}, "svd, rank 8": dict(svd_rank=2 * RANK)}
off = {}
for name, options in cases.items():
    adapter = name.replace(", ", "_").replace(" ", "_")
    model.add_weighted_adapter(["a", "b"], [0.5, 0.5], adapter, combination_type=name[:3].replace("lin", "linear"), **options)
    off[name] = distance(adapter, half)
    print(f"{name}: {off[name]:.1%} away from the mean of both")
model.add_weighted_adapter(["a"], [0.5], "alone", combination_type="linear")
off["alone"] = distance("alone", delta("a") / 2)
print(f"linear, of one LoRA: {off['alone']:.1%} away from half of it")
holds = off["linear"] > 0.5 and off["svd"] > 0.2 and max(off["cat"], off["svd, rank 8"], off["alone"]) < 1e-4
sys.exit(0 if holds else 1)
PYTHON
