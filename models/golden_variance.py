"""Makes the golden run of a Unet that gives a variance beside the noise, by diffusers' own pipeline for such.

    python golden_variance.py            into packages/runtime/test/golden-pipelines/learned-variance.npy

The Unet is that of `tiny-text-ts` with SHARE times its output joined behind it, which the TypeScript test does to the
file; the embeddings are that model's.
"""

from __future__ import annotations

import diffusers
import numpy as np
import torch
from tokenizers import Tokenizer

import fixtures
from golden_pipelines import HERE, OUT

SHARE = 0.3
PROMPT, STEPS, GUIDANCE, SEED = "a red boat on the sea at night", 8, 4.0, 17


@torch.no_grad()
def main() -> None:
    """Writes the sample, float32 ``[1, 3, size, size]``."""
    parts = fixtures.build("tiny-text-ts")
    tokenizer = Tokenizer.from_file(str(HERE / "tiny-text-ts" / "tokenizer" / "tokenizer.json"))
    embed = lambda text: parts.text_encoder(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
    forward = parts.unet.forward

    def forward_with_variance(sample, *args, **keywords):
        output = forward(sample, *args, **{**keywords, "return_dict": False})[0]
        return (torch.cat([output, SHARE * output], 1),)

    parts.unet.forward = forward_with_variance
    config = {**fixtures.SCHEDULERS[parts.fixture.scheduler], "variance_type": "learned_range"}
    nothing = dict(tokenizer=None, text_encoder=None, safety_checker=None, feature_extractor=None, watermarker=None)
    pipeline = diffusers.IFPipeline(
        **nothing, unet=parts.unet, scheduler=diffusers.DDPMScheduler.from_config(config), requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    sample = pipeline(
        prompt_embeds=embed(PROMPT),
        negative_prompt_embeds=embed(""),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(SEED),
        output_type="pt",
    ).images
    np.save(OUT / "learned-variance.npy", sample.numpy().astype("<f4"))


if __name__ == "__main__":
    main()
