"""Makes the golden runs of weighted and long prompts, of embeddings, and of text encoders that end early.

    python golden_prompts.py lpw_stable_diffusion.py

The argument is diffusers' file of that name, from examples/community in its repository: it holds the oracle for weights
and windows, and is in no package. Into packages/runtime/test/golden-prompts/ go JSON files of `options` as `generate`
takes them, beside them the embeddings and samples as NPY; and a text encoder of three layers that gives its hidden
states, which takes the place of tiny-sd-image-ts's one.
"""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch

import export
import fixtures
from golden_pipelines import Case, make_pipeline

OUT = fixtures.HERE.parent / "packages" / "runtime" / "test" / "golden-prompts"
MODEL = "tiny-sd-image-ts"
COMMON = dict(numInferenceSteps=6, guidanceScale=4.0, seed=2)
TEXTS = {
    "weights": ("a (red:1.4) boat ((on)) the [sea]", "a (blue:0.6) house"),
    "escaped": (r"a \(red\) boat", ""),
    "unclosed": ("a red ((boat at night", "the sun :) in"),
    "long": ("a red boat on the sea at night and a blue bird in the tree, the moon and the sun", "a cat"),
    "long-weights": ("a (red boat on the sea:1.3) at night and a [[blue bird]] in the (tree)", "the (cat:1.2) and a dog " * 3),
}  # fmt: skip


def load(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(pipeline, **arguments) -> np.ndarray:
    """The pipeline's final latents."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(COMMON["seed"])
    made = pipeline(
        num_inference_steps=COMMON["numInferenceSteps"],
        guidance_scale=COMMON["guidanceScale"],
        generator=generator,
        output_type="latent",
        **arguments,
    )
    return made.images.numpy()


def write(out: Path, name: str, options: dict, arrays: dict[str, np.ndarray]) -> None:
    """One case: its options, and its arrays beside it."""
    record = {"model": MODEL, "options": {**COMMON, **options}}
    for key, values in arrays.items():
        record[key] = f"{name}.{key}.npy"
        np.save(out / record[key], np.ascontiguousarray(values.astype("<f4")))
    export.write_json(out / f"{name}.json", record)


def reach_inside(encoder: torch.nn.Module) -> None:
    """Where diffusers 0.42.1 looks for the last norm; in transformers 5.23 it is the encoder's own."""
    vars(encoder)["text_model"] = encoder


def encoder_of_three_layers() -> torch.nn.Module:
    """Random weights of float16 values, as the fixture's other parts have."""
    encoder = fixtures.clip_encoder(fixtures.clip_vocab(), layers=3).eval()
    fixtures.randomise(encoder, torch.Generator().manual_seed(12), plain_biases=False)
    return encoder


@torch.no_grad()
def main() -> None:
    """Makes all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lpw", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    settings = parser.parse_args()
    settings.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    lpw = load(settings.lpw)
    parts = fixtures.build(MODEL)
    reach_inside(parts.text_encoder)
    pipeline = make_pipeline(parts, Case(MODEL, {}))
    reads = SimpleNamespace(tokenizer=pipeline.tokenizer, text_encoder=parts.text_encoder, device="cpu")
    for name, (prompt, negative) in TEXTS.items():
        embeds, others = lpw.get_weighted_text_embeddings(reads, prompt, negative, max_embeddings_multiples=9)
        sample = run(pipeline, prompt_embeds=embeds, negative_prompt_embeds=others)
        arrays = {"promptEmbeds": embeds.numpy(), "negativePromptEmbeds": others.numpy(), "sample": sample}
        write(settings.out, name, {"prompt": prompt, "negativePrompt": negative}, arrays)
        parsed = lpw.parse_prompt_attention(prompt)
        print(f"{name}: {embeds.shape[1]} tokens, mean {float(embeds.mean()):.3f}, {parsed}")

    encoder = encoder_of_three_layers()
    options = replace(parts.fixture.options, external=None)
    folder = settings.out / "clip-skip"
    export.export_text_encoder(
        encoder, folder, options, length=fixtures.LENGTH, ids=torch.int32, hidden_states=True
    )  # fmt: skip
    reach_inside(encoder)
    parts.text_encoder = encoder
    pipeline = make_pipeline(parts, Case(MODEL, {}))
    for skip in (0, 1, 2):
        sample = run(pipeline, prompt="a red boat on the sea", clip_skip=skip)
        write(settings.out, f"clip-skip-{skip}", {"prompt": "a red boat on the sea", "clipSkip": skip}, {"sample": sample})


if __name__ == "__main__":
    main()
