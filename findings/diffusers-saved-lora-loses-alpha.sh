#!/usr/bin/env bash
# One would guess: save_lora_weights(folder, unet_lora_layers=get_peft_model_state_dict(unet)), then load_lora_weights(folder)
#   gives the Unet that was saved.
# What happens: lora_alpha is not among those weights. Unless unet_lora_adapter_metadata is passed too, the file has none and
#   is loaded with alpha = rank: a LoRA trained with alpha 32 and rank 4 comes back at an eighth of its strength. No warning.
# Versions: diffusers 0.42.1, peft 0.21.2, torch 2.13.0.
# Who meets it: own training scripts with alpha other than the rank (twice the rank is customary). The file is all that a
#   reader in the browser has, and no reader can know.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 peft==0.21.2 transformers==5.23.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import sys

import diffusers
import peft
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict

RANK, ALPHA = 4, 32
torch.manual_seed(0)
unet = UNet2DConditionModel(
    sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=4,
    cross_attention_dim=16, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
).eval()
config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["to_q", "to_v"])
unet.add_adapter(config, "trained")
for name, parameter in unet.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(parameter, std=0.01)
layers = get_peft_model_state_dict(unet, adapter_name="trained")
inputs = torch.randn(1, 4, 8, 8), 500, torch.randn(1, 5, 16)


@torch.no_grad()
def output():
    return unet(*inputs).sample


trained = output()
StableDiffusionPipeline.save_lora_weights("plain", unet_lora_layers=layers)
StableDiffusionPipeline.save_lora_weights("told", unet_lora_layers=layers, unet_lora_adapter_metadata=config.to_dict())
unet.delete_adapters("trained")
base = output()

print("diffusers", diffusers.__version__, "peft", peft.__version__, "torch", torch.__version__)
strength = {}
for folder in ("plain", "told"):
    state, alphas, metadata = StableDiffusionPipeline.lora_state_dict(folder, return_lora_metadata=True)
    StableDiffusionPipeline.load_lora_into_unet(state, alphas, unet, adapter_name=folder, metadata=metadata)
    strength[folder] = ((output() - base).norm() / (trained - base).norm()).item()
    unet.delete_adapters(folder)
print(f"what the saved LoRA does, of what it did (alpha / rank = {ALPHA // RANK}): {strength['plain']:.3f}")
print(f"saved with unet_lora_adapter_metadata: {strength['told']:.3f}")
sys.exit(0 if strength["plain"] < 0.25 and abs(strength["told"] - 1) < 1e-3 else 1)
PYTHON
