#!/usr/bin/env bash
# One would guess: a folder's scheduler_config.json decides a run's timesteps and clipping, whichever pipeline it is loaded
#   into: a ControlNet at strength 0 changes nothing.
# What happens: the pipelines of Stable Diffusion 1 and 2 put steps_offset 1 and clip_sample false in place of what the file
#   says; the one for inpainting steps_offset and skip_prk_steps. Those with a ControlNet, of instruct-pix2pix and of SDXL
#   leave the file as it is. So one scheduler object draws at 751, 501, 251, 1 in one pipeline and at 750, 500, 250, 0 in
#   the other, and clips there. Loading the plain one first changes the scheduler for good, as the object is shared.
# Versions: diffusers 0.42.1 (torch 2.13.0). There is a FutureWarning, which says nothing of the other pipelines.
# Who meets it: who adds a ControlNet to a model whose scheduler was saved by Scheduler().save_pretrained, where steps_offset
#   is 0; ports that read the file and wonder at samples that are off by one timestep.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)

warnings.simplefilter("ignore")
diffusers.logging.set_verbosity_error()
blocks = dict(block_out_channels=(4, 8), norm_num_groups=2)
torch.manual_seed(0)
unet = UNet2DConditionModel(
    **blocks, sample_size=8, layers_per_block=1, cross_attention_dim=8, attention_head_dim=2,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
)
vae = AutoencoderKL(
    **blocks, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2
)
control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8))
texts = dict(text_encoder=None, tokenizer=None, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def timesteps_and_clipping(pipeline):
    pipeline.scheduler.set_timesteps(4)
    return pipeline.scheduler.timesteps.tolist(), pipeline.scheduler.config.clip_sample


def controlled(scheduler):
    return StableDiffusionControlNetPipeline(vae=vae, unet=unet, controlnet=control, scheduler=scheduler, **texts)


print("diffusers", diffusers.__version__)
beside = timesteps_and_clipping(controlled(DDIMScheduler()))
shared = DDIMScheduler()
plain = timesteps_and_clipping(StableDiffusionPipeline(vae=vae, unet=unet, scheduler=shared, **texts))
after = timesteps_and_clipping(controlled(shared))
print("with a ControlNet: timesteps", beside[0], "clipped" if beside[1] else "not clipped")
print("without:           timesteps", plain[0], "clipped" if plain[1] else "not clipped")
print("with a ControlNet, the scheduler having been in the other:", after[0])
as_found = beside == ([750, 500, 250, 0], True) and plain == ([751, 501, 251, 1], False) and after == plain
sys.exit(0 if as_found else 1)
PYTHON
