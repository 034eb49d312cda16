#!/usr/bin/env bash
# One would guess: prompt_2 goes to text_encoder_2, as its documentation says ("to be sent to the tokenizer_2 and
#   text_encoder_2"). So for SDXL's refiner, which has text_encoder_2 alone, prompt_2 is the text that counts.
# What happens: texts are zipped with the encoders that are there, so the refiner's only one, text_encoder_2, reads prompt;
#   prompt_2 is dropped without a word. With both encoders the same call reads it.
# Versions: diffusers 0.42.1, transformers 5.23.0, torch 2.13.0.
# Who meets it: base and refiner in a chain that are handed the same prompt and prompt_2: the refiner's second text is lost.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import json
import sys

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

torch.manual_seed(0)
words = ["<|startoftext|>", "<|endoftext|>", *"abcdefgh", *(f"{letter}</w>" for letter in "abcdefgh")]
with open("vocab.json", "w") as file:
    json.dump({word: number for number, word in enumerate(words)}, file)
with open("merges.txt", "w") as file:
    file.write("#version: 0.2\n")
tokenizer = CLIPTokenizer("vocab.json", "merges.txt", model_max_length=8)
config = CLIPTextConfig(
    vocab_size=len(words), hidden_size=8, intermediate_size=16, projection_dim=8, num_hidden_layers=2,
    num_attention_heads=2, max_position_embeddings=8, bos_token_id=0, eos_token_id=1, pad_token_id=1,
)
modules = dict(
    vae=AutoencoderKL(block_out_channels=(4,), norm_num_groups=2),
    unet=UNet2DConditionModel(
        block_out_channels=(4,), layers_per_block=1, norm_num_groups=2, cross_attention_dim=8, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",),
    ),
    scheduler=EulerDiscreteScheduler(),
    text_encoder_2=CLIPTextModelWithProjection(config),
    tokenizer_2=tokenizer,
    add_watermarker=False,
)
refiner = StableDiffusionXLImg2ImgPipeline(text_encoder=None, tokenizer=None, requires_aesthetics_score=True, **modules)
base = StableDiffusionXLImg2ImgPipeline(text_encoder=CLIPTextModel(config), tokenizer=tokenizer, **modules)


@torch.no_grad()
def differs(pipeline, first, second):
    """How far what stands for the whole text moves between two calls."""
    one, other = (pipeline.encode_prompt(*texts, do_classifier_free_guidance=False)[2] for texts in (first, second))
    return (one - other).abs().max().item()


print("diffusers", diffusers.__version__, "transformers", transformers.__version__, "torch", torch.__version__)
both = differs(base, ("a b", "c"), ("a b", "d e f"))
second = differs(refiner, ("a b", "c"), ("a b", "d e f"))
first = differs(refiner, ("a b", "c"), ("g h", "c"))
print(f"another prompt_2, both encoders: text_encoder_2's embedding moves by {both:.3f}")
print(f"another prompt_2, the refiner: by {second:.3f}; another prompt: by {first:.3f}")
sys.exit(0 if both > 1e-3 and second == 0 and first > 1e-3 else 1)
PYTHON
