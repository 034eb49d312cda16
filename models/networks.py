"""Builds, warm-starts, saves and loads the networks of a preset."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from presets import Preset

MAX_TOKENS = 40


def build_networks(preset: Preset, vocabulary: dict[str, int]) -> tuple[nn.Module, nn.Module | None]:
    """The preset's Unet and, for a model with text, its text encoder; weights random."""
    options = dict(
        sample_size=preset.size,
        in_channels=7 if preset.beside == "mask" else 3,
        out_channels=3,
        layers_per_block=preset.layers_per_block,
        block_out_channels=preset.block_out_channels,
        down_block_types=preset.down_block_types,
        up_block_types=preset.up_block_types,
        attention_head_dim=preset.attention_head_dim,
        norm_num_groups=preset.norm_num_groups,
    )
    if preset.text is None:
        return UNet2DModel(**options), None
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=preset.text,
            intermediate_size=2 * preset.text,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    return UNet2DConditionModel(cross_attention_dim=preset.text, **options), text


def warm_start(folder: Path, unet: nn.Module, text: nn.Module | None, vocabulary: dict[str, int]) -> None:
    """Loads the weights in ``folder``: a training's, or ``unet.safetensors``, ``text_encoder.safetensors``, ``vocab.json``.

    The embeddings of words that both vocabularies hold move to their new numbers; the rest keep their
    random start. A model without text takes from one with text what has the same name and shape.
    """
    start = _load_part(folder, "unet")
    if text is None:
        own = unet.state_dict()
        unet.load_state_dict(own | {key: value for key, value in start.items() if _fits(own.get(key), value)})
        return
    first, own = "conv_in.weight", unet.state_dict()["conv_in.weight"]
    if own.shape != start[first].shape:  # reads more than the start did: that counts for nothing yet
        start[first] = torch.cat([start[first], torch.zeros_like(own[:, start[first].shape[1] :])], 1)
    unet.load_state_dict(start)
    weights = _load_part(folder, "text_encoder")
    known: dict[str, int] = json.loads((folder / "vocab.json").read_text())
    state = text.state_dict()
    key = next(k for k in state if k.endswith("token_embedding.weight"))
    old_key = next(k for k in weights if k.endswith("token_embedding.weight"))
    prefix = key.removesuffix(old_key)  # releases differ by a leading "text_model."
    old_prefix = old_key.removesuffix(key)
    weights = {prefix + k.removeprefix(old_prefix): v for k, v in weights.items()}
    table, old_table = state[key].clone(), weights[key]
    table[:3] = old_table[:3]  # padding, start, end
    for word, token in vocabulary.items():
        if word in known:
            table[token] = old_table[known[word]]
    text.load_state_dict(weights | {key: table}, strict=False)
    missing = set(state) - set(weights) - {k for k in state if k.endswith("position_ids")}
    if missing:
        raise ValueError(f"Cannot warm-start the text encoder as {folder} lacks {sorted(missing)}")


def _load_part(folder: Path, name: str) -> dict[str, torch.Tensor]:
    alone = folder / f"{name}.safetensors"
    return load_file(alone if alone.exists() else next(iter((folder / name).glob("*.safetensors"))))


def _fits(own: torch.Tensor | None, other: torch.Tensor) -> bool:
    return own is not None and own.shape == other.shape


def scheduler_config(preset: Preset) -> dict[str, object]:
    """The scheduler that the model was trained for, as diffusers writes it."""
    return {
        "_class_name": "DDIMScheduler" if preset.text else "DDPMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.0001,
        "beta_end": 0.02,
        "beta_schedule": preset.beta_schedule,
        "prediction_type": preset.prediction_type,
        "clip_sample": True,
        "set_alpha_to_one": True,
        "steps_offset": 0,
        "timestep_spacing": "leading",
    }


def save_networks(
    folder: Path,
    preset: Preset,
    unet: nn.Module,
    text: nn.Module | None,
    vocabulary: dict[str, int],
    record: dict,
    control: nn.Module | None = None,
) -> None:
    """Writes ``unet/``, ``controlnet/``, ``text_encoder/``, ``vocab.json``, ``scheduler_config.json`` and ``training.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    unet.save_pretrained(folder / "unet")
    if control is not None:
        control.save_pretrained(folder / "controlnet")
    if text is not None:
        text.save_pretrained(folder / "text_encoder")
        (folder / "vocab.json").write_text(json.dumps(vocabulary, indent=1))
    (folder / "scheduler_config.json").write_text(json.dumps(scheduler_config(preset), indent=1))
    (folder / "training.json").write_text(json.dumps(record, indent=1))


def load_networks(folder: Path) -> tuple[nn.Module, nn.Module | None, dict[str, int]]:
    """What ``save_networks`` wrote: Unet, text encoder or None, vocabulary ({} without text); eval mode, float32."""
    if not (folder / "text_encoder").exists():
        return UNet2DModel.from_pretrained(folder / "unet").eval(), None, {}
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    text = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    return unet, text, json.loads((folder / "vocab.json").read_text())


def compute_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
