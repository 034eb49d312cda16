#!/usr/bin/env bash
# One would guess: a folder's sampler is the class that its scheduler/scheduler_config.json names under "_class_name", which
#   save_pretrained of a scheduler wrote there: to change a model's sampler, put another one's file in its place.
# What happens: a pipeline makes the class that model_index.json names, out of whatever keys the file has, and says nothing
#   of the other class: with the file of an Euler it goes on as DDPM.
# Versions: diffusers 0.42.1 (torch 2.13.0).
# Who meets it: published folders whose two files disagree, as they do where one was edited; ports and web runtimes, which
#   read the file alone and draw another picture than diffusers.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import io
import json
import logging
import sys

import diffusers
import torch
from diffusers import DDPMPipeline, DDPMScheduler, EulerDiscreteScheduler, UNet2DModel

torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=8, block_out_channels=(4,), layers_per_block=1, norm_num_groups=2,
    down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), add_attention=False,
)
DDPMPipeline(unet, DDPMScheduler()).save_pretrained("model")
EulerDiscreteScheduler(use_karras_sigmas=True).save_pretrained("model/scheduler")

said = io.StringIO()
logging.getLogger("diffusers").addHandler(logging.StreamHandler(said))
pipeline = DDPMPipeline.from_pretrained("model")
made = type(pipeline.scheduler).__name__
with open("model/scheduler/scheduler_config.json") as file:
    written = json.load(file)["_class_name"]
with open("model/model_index.json") as file:
    listed = json.load(file)["scheduler"][1]

# the control: where the index names it, too, it is made
index = json.load(open("model/model_index.json"))
index["scheduler"] = ["diffusers", "EulerDiscreteScheduler"]
json.dump(index, open("model/model_index.json", "w"))
control = type(DDPMPipeline.from_pretrained("model").scheduler).__name__

print("diffusers", diffusers.__version__, "torch", torch.__version__)
print(f"scheduler_config.json says {written}, model_index.json {listed}: a {made} is made")
print(f"model_index.json says EulerDiscreteScheduler, too: a {control} is made")
print("what is logged:", said.getvalue().strip() or "nothing")
holds = made == listed == "DDPMScheduler" and written == control == "EulerDiscreteScheduler"
sys.exit(0 if holds and "EulerDiscreteScheduler" not in said.getvalue() else 1)
PYTHON
