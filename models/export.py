"""Exports a diffusers model to the folder of ONNX files that phaseskip loads.

    python export.py --source DIR --out scenes --dtype float16

DIR holds `unet/` (or `unet_config.json` + `unet.safetensors`), and where the model has them
`text_encoder/`, `vae/` (likewise) and `scheduler/scheduler_config.json` (or `scheduler_config.json`).
`vocab.json` of word → id becomes a `tokenizer/tokenizer.json`; a `tokenizer/` folder is copied.

The functions write one part of the folder each; `fixtures.py` builds its small models with them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from onnx_export import OnnxOptions, Value, export_onnx
from word_tokenizer import write_word_tokenizer

BATCH, SEQUENCE = "batch_size", "sequence_length"
PART_BYTES = 15_000_000  # files of a model travel better below this


@dataclass
class Settings:
    """What to export and how."""

    source: Path = Path("checkpoint")
    out: Path = Path("scenes")
    dtype: str = "float16"
    exporter: str = "torchscript"
    guidance_scale: float | None = None  # the default that the folder suggests
    tokens: int = 40  # length that a word-level tokenizer pads to
    pipeline: str | None = None  # `_class_name` of model_index.json; None: by the parts found
    only: str | None = None  # `controlnet`: that part by itself, for a model that is there already


class Wrapper(torch.nn.Module):
    """A module around the model, as many export scripts have; every path gets the prefix `unet.`."""

    def __init__(self, unet: torch.nn.Module):
        super().__init__()
        self.unet = unet

    def forward(self, *args):
        return self.unet(*args)


@contextlib.contextmanager
def forward_as(module: torch.nn.Module, forward):
    """Gives the module plain positional tensors in and out while it is traced; its paths stay."""
    original = module.forward
    module.forward = lambda *args: forward(original, *args)
    try:
        yield module
    finally:
        del module.forward


def unet_inputs(unet, batch: int, sequence: int, timestep: torch.Tensor, axes: dict) -> list:
    """The inputs of diffusers' Unets by Optimum's names; which of them there are, its config says."""
    config, dtype = unet.config, unet.dtype
    size = config.sample_size if isinstance(config.sample_size, int) else config.sample_size[0]
    inputs = [
        (Value("sample", axes), torch.randn(batch, config.in_channels, size, size, dtype=dtype)),
        (Value("timestep"), timestep),
    ]
    width = config.get("cross_attention_dim")
    if width is None:
        return inputs
    text_axes = {0: BATCH, 1: SEQUENCE}
    inputs.append((Value("encoder_hidden_states", text_axes), torch.randn(batch, sequence, width, dtype=dtype)))
    if config.get("num_class_embeds"):
        labels = torch.randint(0, config.num_class_embeds, (batch,))
        inputs.append((Value("class_labels", {0: BATCH}), labels))
    if config.get("time_cond_proj_dim"):
        cond = torch.randn(batch, config.time_cond_proj_dim, dtype=dtype)
        inputs.append((Value("timestep_cond", {0: BATCH}), cond))
    if config.get("addition_embed_type") == "text_time":
        # the refiner of Stable Diffusion XL takes five, and its pooled text is as wide as what it attends to
        total, each = config.projection_class_embeddings_input_dim, config.addition_time_embed_dim
        ids = 5 if total - 5 * each == width else 6
        pooled = total - ids * each
        inputs.append((Value("text_embeds", {0: BATCH}), torch.randn(batch, pooled, dtype=dtype)))
        inputs.append((Value("time_ids", {0: BATCH}), torch.rand(batch, ids, dtype=dtype) * 64))
    return inputs


def unet_forward(names: list[str]):
    """Maps the positional tensors back to the keywords that diffusers wants."""

    def forward(original, *tensors):
        given = dict(zip(names, tensors))
        added = {name: given.pop(name) for name in ("text_embeds", "time_ids") if name in given}
        keywords = {"added_cond_kwargs": added} if added else {}
        return original(**given, **keywords, return_dict=False)[0]

    return forward


def export_unet(
    unet,
    folder: Path,
    options: OnnxOptions,
    *,
    batch: int = 2,
    sequence: int = 12,
    timestep: torch.Tensor | None = None,
    axes: dict | None = None,
    wrapped: bool = False,
) -> None:
    """Writes `unet/model.onnx` and `unet/config.json`. `timestep` is an example in its type and rank."""
    if axes is None:
        axes = {0: BATCH, 2: "height", 3: "width"}
    if timestep is None:
        timestep = torch.tensor([500])
    inputs = unet_inputs(unet, batch, sequence, timestep, axes)
    with forward_as(unet, unet_forward([value.name for value, _ in inputs])):
        module = Wrapper(unet) if wrapped else unet
        output = Value("out_sample", axes)
        export_onnx(module, inputs, [output], folder / "unet" / "model.onnx", options)
    write_json(folder / "unet" / "config.json", plain_config(unet.config))


def export_controlnet(
    controlnet, folder: Path, options: OnnxOptions, *, size: int, batch: int = 2, sequence: int = 12
) -> None:
    """Writes `model.onnx` and `config.json`: what the Unet reads and a picture in [0, 1] → what is added to its skips.

    `size` is the sample's; the picture is as much larger as the network makes it smaller.
    """
    axes = {0: BATCH, 2: "height", 3: "width"}
    picture = size << (len(controlnet.config.conditioning_embedding_out_channels) - 1)
    inputs = [
        (Value("sample", axes), torch.randn(batch, controlnet.config.in_channels, size, size, dtype=controlnet.dtype)),
        (Value("timestep"), torch.tensor([500])),
        (
            Value("encoder_hidden_states", {0: BATCH, 1: SEQUENCE}),
            torch.randn(batch, sequence, controlnet.config.cross_attention_dim, dtype=controlnet.dtype),
        ),
        (
            Value("controlnet_cond", {0: BATCH, 2: "picture_height", 3: "picture_width"}),
            torch.rand(batch, 3, picture, picture, dtype=controlnet.dtype),
        ),
    ]
    count = sum(2 if i < len(controlnet.down_blocks) - 1 else 1 for i in range(len(controlnet.down_blocks))) + 1
    outputs = [Value(f"down_block_{i}_res_sample", {**axes, 2: f"h{i}", 3: f"w{i}"}) for i in range(count)]
    outputs.append(Value("mid_block_res_sample", {**axes, 2: "hm", 3: "wm"}))

    def forward(original, sample, timestep, encoder_hidden_states, controlnet_cond):
        down, mid = original(sample, timestep, encoder_hidden_states, controlnet_cond, return_dict=False)
        return (*down, mid)

    with forward_as(controlnet, forward):
        export_onnx(controlnet, inputs, outputs, folder / "model.onnx", options)
    write_json(folder / "config.json", plain_config(controlnet.config))


def export_text_encoder(
    encoder,
    folder: Path,
    options: OnnxOptions,
    *,
    name: str = "text_encoder",
    length: int,
    ids: torch.dtype = torch.int64,
    batch: int = 2,
    hidden_states: bool = False,
) -> None:
    """Writes `text_encoder/model.onnx`: input_ids → last_hidden_state and the pooled vector."""
    projected = hasattr(encoder, "text_projection")
    pooled = "text_embeds" if projected else "pooler_output"
    tokens = torch.randint(3, encoder.config.vocab_size, (batch, length)).to(ids)
    layers = encoder.config.num_hidden_layers + 1 if hidden_states else 0

    def forward(original, input_ids):
        result = original(input_ids, output_hidden_states=hidden_states)
        hidden = tuple(result.hidden_states) if hidden_states else ()
        return (result.last_hidden_state, getattr(result, pooled), *hidden)

    text_axes = {0: BATCH, 1: SEQUENCE}
    outputs = [Value("last_hidden_state", text_axes), Value(pooled, {0: BATCH})]
    outputs += [Value(f"hidden_states.{i}", text_axes) for i in range(layers)]
    if encoder.dtype == torch.float16:
        encoder.set_attn_implementation("eager")  # the tracer mixes up the types of the fused one
    with forward_as(encoder, forward):
        inputs = [(Value("input_ids", text_axes), tokens)]
        export_onnx(encoder, inputs, outputs, folder / name / "model.onnx", options)
    write_json(folder / name / "config.json", plain_config(encoder.config.to_dict()))


def export_vae_decoder(vae, folder: Path, options: OnnxOptions, *, size: int, batch: int = 2) -> None:
    """Writes `vae_decoder/model.onnx`: latent_sample, already divided by scaling_factor → sample."""
    latent = torch.randn(batch, vae.config.latent_channels, size, size, dtype=vae.dtype)
    axes = {0: BATCH, 2: "latent_height", 3: "latent_width"}
    output = Value("sample", {0: BATCH, 2: "height", 3: "width"})
    with forward_as(vae, lambda _, z: vae.decode(z, return_dict=False)[0]):
        inputs = [(Value("latent_sample", axes), latent)]
        export_onnx(vae, inputs, [output], folder / "vae_decoder" / "model.onnx", options)
    write_json(folder / "vae_decoder" / "config.json", plain_config(vae.config))


def export_vae_encoder(vae, folder: Path, options: OnnxOptions, *, size: int, batch: int = 2) -> None:
    """Writes `vae_encoder/model.onnx`: sample in [-1, 1] → means and log variances, before scaling_factor."""
    pixels = torch.rand(batch, vae.config.in_channels, size, size, dtype=vae.dtype) * 2 - 1
    axes = {0: BATCH, 2: "height", 3: "width"}
    output = Value("latent_parameters", {0: BATCH, 2: "latent_height", 3: "latent_width"})
    with forward_as(vae, lambda _, x: vae.encode(x).latent_dist.parameters):
        inputs = [(Value("sample", axes), pixels)]
        export_onnx(vae, inputs, [output], folder / "vae_encoder" / "model.onnx", options)
    write_json(folder / "vae_encoder" / "config.json", plain_config(vae.config))


def write_model_index(folder: Path, class_name: str, parts: dict[str, tuple[str, str]], **extra) -> None:
    """Writes `model_index.json`. `extra` are phaseskip's hints, such as `guidance_scale`."""
    import diffusers

    index = {"_class_name": class_name, "_diffusers_version": diffusers.__version__}
    write_json(folder / "model_index.json", {**index, **extra, **{k: list(v) for k, v in parts.items()}})


def write_json(path: Path, value) -> None:
    """Two spaces, keys in their order, a newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def plain_config(config) -> dict:
    """A config without what only says where it was loaded from."""
    hidden = ("_name_or_path", "_use_default_values", "transformers_version", "id2label", "label2id")
    return {k: v for k, v in dict(config).items() if k not in hidden}


def load_part(source: Path, name: str, make):
    """Loads `name/` as diffusers saves it, or `name_config.json` + `name.safetensors`; None if absent."""
    from safetensors.torch import load_file

    folder, config = source / name, source / f"{name}_config.json"
    if (folder / "config.json").exists():
        config = folder / "config.json"
        weights = next(iter(sorted(folder.glob("*.safetensors"))))
    elif config.exists():
        weights = source / f"{name}.safetensors"
    else:
        return None
    module = make(json.loads(config.read_text()))
    module.load_state_dict(load_file(weights))
    return module.eval()


def load_unet(source: Path):
    """The Unet, of the class that its config names."""
    import diffusers

    return load_part(source, "unet", lambda c: getattr(diffusers, c["_class_name"]).from_config(c))


def load_controlnet(source: Path):
    """The ControlNet; None where there is none."""
    from diffusers import ControlNetModel

    return load_part(source, "controlnet", lambda c: ControlNetModel.from_config(c))


def load_text_encoder(source: Path):
    """The text encoder; None for an unconditional model."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return load_part(source, "text_encoder", lambda c: CLIPTextModel(CLIPTextConfig(**c)))


def load_vae(source: Path):
    """The autoencoder; None for a model in pixel space."""
    from diffusers import AutoencoderKL

    return load_part(source, "vae", lambda c: AutoencoderKL.from_config(c))


def export_model(settings: Settings) -> None:
    """Writes the whole folder."""
    source, out = settings.source, settings.out
    dtype = getattr(torch, settings.dtype)
    inline = OnnxOptions(exporter=settings.exporter)
    options = replace(inline, external="weights.bin", part_bytes=PART_BYTES)
    scheduler = source / "scheduler" / "scheduler_config.json"
    if not scheduler.exists():
        scheduler = source / "scheduler_config.json"
    scheduler_config = json.loads(scheduler.read_text())
    parts = {"scheduler": ("diffusers", scheduler_config["_class_name"])}

    unet = load_unet(source)
    if unet is None:
        raise SystemExit(f"{source} holds no unet/config.json and no unet_config.json: nothing to export")
    encoder, vae = load_text_encoder(source), load_vae(source)
    length = encoder.config.max_position_embeddings if encoder else settings.tokens
    export_unet(unet.to(dtype), out, options, sequence=length)
    parts["unet"] = ("diffusers", type(unet).__name__)
    if encoder is not None:
        export_text_encoder(encoder.to(dtype), out, inline, length=length)
        parts["text_encoder"] = ("transformers", "CLIPTextModel")
        if (source / "tokenizer").is_dir():
            shutil.copytree(source / "tokenizer", out / "tokenizer", dirs_exist_ok=True)
        else:
            vocab = json.loads((source / "vocab.json").read_text())
            write_word_tokenizer(out / "tokenizer", vocab, min(settings.tokens, length))
        parts["tokenizer"] = ("transformers", "PreTrainedTokenizerFast")
    if vae is not None:
        export_vae_decoder(vae.to(dtype), out, options, size=unet.config.sample_size)
        export_vae_encoder(vae, out, options, size=vae.config.sample_size)
        parts["vae_decoder"] = ("diffusers", "AutoencoderKL")
    write_json(out / "scheduler" / "scheduler_config.json", scheduler_config)
    hints = {"sample_size": unet.config.sample_size}
    if settings.guidance_scale is not None:
        hints["guidance_scale"] = settings.guidance_scale
    write_model_index(out, settings.pipeline or class_name(encoder, vae), parts, **hints)


def export_only(settings: Settings) -> None:
    """Writes the ControlNet's two files, for a model that is exported already."""
    controlnet, unet = load_controlnet(settings.source), load_unet(settings.source)
    if settings.only != "controlnet" or controlnet is None:
        raise SystemExit(f"Cannot export {settings.only} alone: that can be controlnet, in {settings.source}/controlnet/")
    options = OnnxOptions(exporter=settings.exporter)
    dtype = getattr(torch, settings.dtype)
    export_controlnet(controlnet.to(dtype), settings.out, options, size=unet.config.sample_size, sequence=settings.tokens)


def class_name(encoder, vae) -> str:
    """diffusers' pipeline class for these parts; text in pixel space has none, so it gets a name here."""
    if encoder is None:
        return "DDPMPipeline"
    return "PixelTextToImagePipeline" if vae is None else "StableDiffusionPipeline"


def parse() -> Settings:
    """Settings from the command line; every field is an option."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Settings):
        flag = "--" + field.name.replace("_", "-")
        kind = {"Path": Path, "float | None": float, "int": int}.get(str(field.type), str)
        parser.add_argument(flag, type=kind, default=field.default)
    return Settings(**vars(parser.parse_args()))


if __name__ == "__main__":
    given = parse()
    (export_only if given.only else export_model)(given)
